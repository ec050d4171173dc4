/**
 * Puts answers back into the order of their messages. Every message takes a place; an item leaves as soon as all places before its
 * own have been filled. Holds at most one item for each place taken and not yet left, which credits bound.
 */
export class OrderBuffer<Item> {
  readonly #early = new Map<number, Item>();
  #next = 0;
  #taken = 0;

  /** Places taken whose items have not left yet. */
  get open(): number {
    return this.#taken - this.#next;
  }

  take(): number {
    return this.#taken++;
  }

  /** Fills a place, once. `leave` is called for every item that may go now, in order; `waited` tells whether it had been held. */
  fill(place: number, item: Item, leave: (item: Item, waited: boolean) => void): void {
    if (place !== this.#next) {
      this.#early.set(place, item);
      return;
    }
    this.#next++;
    leave(item, false);
    for (;;) {
      const early = this.#early.get(this.#next);
      if (early === undefined) return;
      this.#early.delete(this.#next);
      this.#next++;
      leave(early, true);
    }
  }

  /** Whether an item filled in here would have to wait. */
  waits(place: number): boolean {
    return place !== this.#next;
  }
}
