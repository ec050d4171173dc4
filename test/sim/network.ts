import type { Schedule } from './schedule.js';

export type Random = () => number;

/** Between every process and the store. Loses, doubles, delays and so reorders, and cuts processes off, until it is healed. */
export class Network {
  readonly cut = new Set<string>();
  isHealed = false;
  readonly #schedule: Schedule;
  readonly #random: Random;
  readonly #loss: number;

  constructor(schedule: Schedule, random: Random) {
    this.#schedule = schedule;
    this.#random = random;
    this.#loss = random() * 0.3;
  }

  /** `process` is the end that is not the store; the other end is there for as long as the world is. */
  send(process: string, deliver: () => void): void {
    if (this.isHealed) {
      this.#schedule.after(1 + this.#random() * 9, deliver);
      return;
    }
    const copies = this.#random() < this.#loss ? 0 : this.#random() < 0.1 ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      // Most are quick; a few are so late that leases and epochs have changed meanwhile.
      const delay_ms = this.#random() < 0.06 ? this.#random() * 9_000 : this.#random() * 60;
      this.#schedule.after(delay_ms, () => {
        if (!this.cut.has(process)) deliver();
      });
    }
  }
}
