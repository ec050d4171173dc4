import type { Label } from './label.js';
import type { LabelStore } from './label-store.js';

/** Labels of one insert. Also what a step of the join can take. */
export const BATCH_LABELS = 20_000;
/** Labels that come one by one wait so long for company: ClickHouse wants few inserts. */
const GATHER_MS = 25;

interface Waiting {
  readonly labels: readonly Label[];
  readonly stored: () => void;
  readonly failed: (reason: unknown) => void;
}

/** Gathers what several requests send into one insert. */
export class LabelWriter {
  readonly #store: LabelStore;
  readonly #now_ms: () => number;
  #waiting: Waiting[] = [];
  #labels = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(store: LabelStore, now_ms: () => number) {
    this.#store = store;
    this.#now_ms = now_ms;
  }

  /** Resolves when they are stored; rejects when none of them is. At most BATCH_LABELS at once. */
  write(labels: readonly Label[]): Promise<void> {
    if (labels.length === 0) return Promise.resolve();
    if (this.#labels + labels.length > BATCH_LABELS) this.#flush();
    return new Promise((stored, failed) => {
      this.#waiting.push({ labels, stored, failed });
      this.#labels += labels.length;
      if (this.#labels >= BATCH_LABELS) this.#flush();
      else this.#timer ??= setTimeout(() => this.#flush(), GATHER_MS);
    });
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#labels = 0;
    if (waiting.length === 0) return;
    this.#store
      .add(
        waiting.flatMap(({ labels }) => labels),
        this.#now_ms(),
      )
      .then(
        () => {
          for (const { stored } of waiting) stored();
        },
        (reason: unknown) => {
          for (const { failed } of waiting) failed(reason);
        },
      );
  }
}
