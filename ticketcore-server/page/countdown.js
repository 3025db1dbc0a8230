// Time that is left, by the monotonic clock: a wrong wall clock changes nothing.

import { announce } from './dom.js';
import { clock, span } from './format.js';

const TOLD_S = [300, 120, 60, 30, 10];

/** A deadline so many milliseconds after a request was sent. */
export const deadline = (ms, sentAt = performance.now()) => sentAt + ms;

/** Shows what is left until a deadline in all elements that ask for it, and tells when it is over. */
export class Countdown {
  #timer = 0;
  #told = null;

  /** Counts down to `at` in `root`: `[data-left]` gets the time, `[data-share]` the share of `whole` as its width. */
  start(root, at, whole, over) {
    this.stop();
    const left = () => at - performance.now();
    this.#told = TOLD_S.filter((seconds) => seconds * 1000 < left());
    const tick = () => {
      const ms = left();
      this.#show(root, ms, whole);
      while (this.#told.length && ms <= this.#told[0] * 1000) announce(`${span(this.#told.shift() * 1000)} left`);
      if (ms <= 0) {
        this.stop();
        over();
        return;
      }
      this.#timer = setTimeout(tick, (ms % 1000) + 5);
    };
    tick();
  }

  stop() {
    clearTimeout(this.#timer);
  }

  #show(root, ms, whole) {
    for (const element of root.querySelectorAll('[data-left]')) element.textContent = clock(ms);
    for (const bar of root.querySelectorAll('[data-share]')) bar.style.transform = `scaleX(${Math.max(0, Math.min(1, ms / whole))})`;
    root.classList.toggle('soon', ms < 60_000);
  }
}
