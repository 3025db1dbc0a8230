// The purchase beside the map: one view for each of its stages.

import { Countdown } from './countdown.js';
import { announce, fill, h, icon, ICONS } from './dom.js';
import { chooseView } from './choose.js';
import { heldView } from './held.js';
import { orderView } from './order.js';
import { ticketsView } from './tickets.js';

export class Panel {
  #stage = null;
  #countdown = new Countdown();
  #spoken = null;

  /** `go`: `show(seat)` and `section(name)` move the map. */
  constructor(purchase, go) {
    Object.assign(this, { purchase, go });
    this.element = h('div', { class: 'panel', tabIndex: -1 });
    /** What views keep between two renderings. */
    this.state = { tab: purchase.geometry.seats > 0 ? 'seats' : 'areas', wish: { quantity: 2, category: '', ticketType: purchase.event.ticketTypes[0], section: '', accessible: false } };
    addEventListener('visibilitychange', this.#seen);
  }

  close() {
    this.#countdown.stop();
    removeEventListener('visibilitychange', this.#seen);
  }

  /** A computer that slept may have stopped its clock: ask the server. */
  #seen = () => {
    if (document.hidden) return;
    if (this.purchase.hold && this.purchase.hold.deadline < performance.now()) this.purchase.holdOver();
    else if (this.purchase.order && this.purchase.stage === 'order') this.purchase.look();
  };

  /** Opens the form for an area. */
  openArea(id) {
    this.state.tab = 'areas';
    this.render();
    document.getElementById(`area-${id}`)?.focus();
  }

  areaLeft(id, left) {
    for (const element of this.element.querySelectorAll('[data-area-left]')) {
      if (element.dataset.areaLeft === id) element.textContent = left > 0 ? `${left.toLocaleString()} left` : 'Sold out';
    }
  }

  render() {
    const { purchase } = this;
    const focused = document.activeElement?.id;
    const inside = this.element.contains(document.activeElement);
    const { stage } = purchase;
    const view = { choose: chooseView, held: heldView, order: orderView, tickets: ticketsView }[stage];
    this.element.dataset.stage = stage;
    this.element.classList.toggle('busy', Boolean(purchase.busy));
    this.element.setAttribute('aria-busy', String(Boolean(purchase.busy)));
    fill(this.element, this.#notice(), view(this));
    if (this.#stage !== null && stage !== this.#stage) {
      const heading = this.element.querySelector('h2');
      if (heading) {
        heading.tabIndex = -1;
        heading.focus({ preventScroll: matchMedia('(min-width: 900px)').matches });
      }
    } else if (inside) {
      // What had the focus was made anew, or is gone: then the panel has it, and not the top of the page.
      const same = focused && document.getElementById(focused);
      (same && !same.disabled ? same : this.element).focus({ preventScroll: true });
    }
    this.#stage = stage;
    this.#count();
  }

  #notice() {
    const { notice } = this.purchase;
    if (!notice) {
      this.#spoken = null;
      return null;
    }
    if (this.#spoken !== notice) announce([notice.text, ...(notice.details ?? [])].join(' '), notice.urgent);
    this.#spoken = notice;
    return h('div', { class: 'notice' }, icon(ICONS.warn, 18),
      h('div', {}, h('p', {}, notice.text), notice.details?.length > 0 && h('ul', {}, notice.details.map((line) => h('li', {}, line)))),
      h('button', { class: 'plain', aria: { label: 'Close this message' }, on: { click: () => { this.purchase.notice = null; this.render(); } } }, icon(ICONS.close, 16)));
  }

  #count() {
    const { purchase } = this;
    const { hold, order } = purchase;
    if (hold) {
      this.#countdown.start(this.element, hold.deadline, hold.whole, () => purchase.holdOver());
    } else if (order?.deadline && purchase.stage === 'order' && !['cancelled', 'expired'].includes(order.status)) {
      this.#countdown.start(this.element, order.deadline, order.whole, () => setTimeout(() => purchase.look(), 800));
    } else {
      this.#countdown.stop();
      this.element.classList.remove('soon');
    }
  }
}
