// The waiting room of an event: joining, waiting, coming in. What is drawn can be checked: drawn.js.

import { get, memory, send, setPass } from './api.js';
import { announce, fill, h } from './dom.js';
import { checkDraw } from './drawn.js';
import { count, plural } from './format.js';
import { words } from './problems.js';

const STEPS = {
  closed: 'The waiting room is not open yet.',
  prequeue: 'Everybody who joins now takes part in a lottery for the places in the queue.',
  drawing: 'The lottery is closed. The places are about to be drawn.',
  queue: 'The places are drawn. The sale is about to open.',
  open: 'People are let in, in order.',
};

/** Stands before the event until its visitor is let in; nothing if it has no room. Ends with the screen. */
export async function standBefore(stage, eventId, signal) {
  const path = `v1/waiting-room/${encodeURIComponent(eventId)}`;
  const status = await get(path, { signal }).catch((problem) => {
    if (problem.code === 'no_waiting_room' || problem.name === 'AbortError') return null;
    throw problem;
  });
  if (!status || signal.aborted) return;
  const room = new Room(stage, eventId, path, signal);
  signal.addEventListener('abort', () => { setPass(null); room.element.remove(); }, { once: true });
  await room.run(status);
}

class Room {
  constructor(stage, eventId, path, signal) {
    [this.eventId, this.path, this.signal] = [eventId, path, signal];
    this.name = `room.${eventId}`;
    this.element = h('section', { class: 'room', aria: { label: 'Waiting room' } });
    this.stage = stage;
    this.wished = Boolean(memory.get(this.name));
  }

  async run(status) {
    while (!this.signal.aborted) {
      if (status.phase === 'ended') return this.leaveScreen();
      let pause = status.pollAfterMs;
      try {
        pause = await this.step(status) ?? pause;
      } catch (problem) {
        if (problem.name === 'AbortError') return undefined;
        this.show(status, null, words(problem));
      }
      await new Promise((resolve) => {
        this.wake = resolve;
        setTimeout(resolve, Math.min(pause, 5_000));
      });
      status = await get(this.path, { signal: this.signal, cache: 'no-cache' }).catch(() => status);
    }
    return undefined;
  }

  /** One look; how long until the next, if that is known. */
  async step(status) {
    const kept = memory.get(this.name);
    if (kept?.pass && kept.until > Date.now()) {
      setPass(kept.pass);
      this.leaveScreen();
      return Math.min(kept.until - Date.now(), 5_000);
    }
    setPass(null);
    if (status.phase === 'closed' || !this.wished) {
      this.show(status, null);
      return 2_000;
    }
    const place = kept?.positionToken
      ? await this.ask('admit', { positionToken: kept.positionToken })
      : await this.ask('join', { eventId: this.eventId });
    if (place.admissionToken) {
      memory.set(this.name, { pass: place.admissionToken, until: Date.now() + place.expiresInMs, positionToken: kept.positionToken });
      setPass(place.admissionToken);
      announce('It is your turn.', true);
      this.leaveScreen();
      return 1_000;
    }
    memory.set(this.name, { positionToken: place.positionToken });
    this.show(status, place);
    return place.pollAfterMs;
  }

  /** Asks; whose place is lost, or whose token is another's, joins again. */
  async ask(what, body) {
    try {
      return await send('POST', `v1/waiting-room/${what}`, body, { signal: this.signal });
    } catch (problem) {
      if (what !== 'admit' || !['place_lost', 'not_in_room', 'room_token'].includes(problem.code)) throw problem;
      memory.set(this.name, {});
      return this.ask('join', { eventId: this.eventId });
    }
  }

  show(status, place, trouble) {
    const lines = [h('h2', null, 'Waiting room'), h('p', null, STEPS[status.phase] ?? '')];
    if (place?.position !== undefined) {
      lines.push(h('p', { class: 'room-place' }, h('strong', null, count(place.position + 1)), ' is your place'));
      if (place.ahead > 0) lines.push(h('p', null, `${plural(place.ahead, 'person', 'people')} before you`));
      if (place.wait) lines.push(h('p', null, `About ${span(place.wait.p50Ms)}, most likely less than ${span(place.wait.p90Ms)}`));
    } else if (place) {
      lines.push(h('p', { class: 'room-place' }, `You are in, with number ${count(place.number + 1)} of ${count(status.joined)}`));
    }
    if (place?.soldOutLikely) lines.push(h('p', { class: 'room-warn' }, 'Most likely nothing will be left when it is your turn.'));
    if (trouble) lines.push(h('p', { class: 'room-warn' }, trouble));
    if (!this.wished && status.phase !== 'closed') {
      lines.push(h('button', { class: 'primary room-join', on: { click: () => this.join() } }, 'Join'));
    }
    if (status.lottery) lines.push(this.lottery(status.lottery, place));
    fill(this.element, ...lines);
    if (!this.element.isConnected) this.stage.append(this.element);
  }

  join() {
    this.wished = true;
    memory.set(this.name, {});
    fill(this.element, h('p', { class: 'loading' }, 'Joining …'));
    this.wake?.();
  }

  /** What makes the lottery checkable, and whether it is as it was promised. */
  lottery(lottery, place) {
    const facts = [['Key, hashed', lottery.commitment], ['Chance comes from', lottery.entropySource]];
    if (lottery.entrants !== undefined) facts.push(['Took part', count(lottery.entrants)], ['Log of who joined', lottery.root]);
    if (lottery.key) facts.push(['Chance', lottery.entropy], ['Key', lottery.key]);
    const list = h('dl', null, ...facts.flatMap(([name, value]) => [h('dt', null, name), h('dd', null, value)]));
    const checkable = lottery.key && place && place.number < lottery.entrants;
    const result = h('p', { class: 'room-proof' }, this.proof ?? '');
    const check = async () => {
      result.textContent = 'Checking …';
      const proof = await send('POST', 'v1/waiting-room/proof', { positionToken: place.positionToken });
      const draw = await get(`${this.path}/draw`);
      const found = await checkDraw(draw, proof);
      this.proof = found.fault ?? (found.place === place.position ? `Checked: number ${count(place.number + 1)} was drawn to place ${count(found.place + 1)}.` : 'The place is not the one that was drawn!');
      result.textContent = this.proof;
    };
    const button = checkable && h('button', { class: 'room-check', on: { click: check } }, 'Check my place');
    // It is drawn anew with every look: what was opened stays open.
    const toggled = (event) => { this.opened = event.target.open; };
    return h('details', { open: this.opened, on: { toggle: toggled } }, h('summary', null, 'The lottery'), list, button, result);
  }

  leaveScreen() {
    this.element.remove();
  }
}

function span(ms) {
  const minutes = Math.round(ms / 60_000);
  return minutes < 2 ? `${Math.max(1, Math.round(ms / 1_000))} seconds` : `${minutes} minutes`;
}
