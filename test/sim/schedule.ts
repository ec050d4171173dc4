/** Virtual time: what is due next happens next, and of two things at one moment the one that was planned first. */
export class Schedule {
  now_ms = 0;
  #planned = 0;
  readonly #heap: { readonly at_ms: number; readonly order: number; readonly run: () => void }[] = [];

  after(delay_ms: number, run: () => void): void {
    const heap = this.#heap;
    heap.push({ at_ms: this.now_ms + Math.max(0, delay_ms), order: this.#planned++, run });
    for (let at = heap.length - 1; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(at, parent)) break;
      [heap[at], heap[parent]] = [heap[parent], heap[at]];
      at = parent;
    }
  }

  runUntil(end_ms: number): void {
    while (this.#heap.length > 0 && this.#heap[0].at_ms <= end_ms) {
      const next = this.#taken();
      this.now_ms = next.at_ms;
      next.run();
    }
    this.now_ms = end_ms;
  }

  #taken(): { readonly at_ms: number; readonly run: () => void } {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last !== undefined && heap.length > 0) heap[0] = last;
    for (let at = 0; ; ) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2])
        if (child < heap.length && this.#isBefore(child, least)) least = child;
      if (least === at) return first;
      [heap[at], heap[least]] = [heap[least], heap[at]];
      at = least;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const [left, right] = [this.#heap[a], this.#heap[b]];
    return left.at_ms === right.at_ms ? left.order < right.order : left.at_ms < right.at_ms;
  }
}
