/** A place in the spool: segment, and byte within its file. */
export interface SpoolPosition {
  readonly segment: number;
  readonly offset: number;
}

const SLOT = {
  WRITE_SEGMENT: 0,
  WRITE_OFFSET: 1,
  SHIP_SEGMENT: 2,
  SHIP_OFFSET: 3,
  HELD: 4,
  DELETING: 5,
  WAKE: 6,
  BUSY: 7,
} as const;
const INTS = 8;
const NOTHING = -1;

/**
 * What the thread that writes the spool and the one that ships it know of each other, in shared memory. Everything else is in the files. A
 * segment is never deleted by the writer while the shipper holds it: each first says what it is about to do, then looks at the other.
 */
export class SpoolState {
  readonly buffer: SharedArrayBuffer;
  readonly #ints: Int32Array;

  /** `buffer`: of another thread's SpoolState; without it a new one begins. */
  constructor(buffer?: SharedArrayBuffer) {
    this.buffer = buffer ?? new SharedArrayBuffer(4 * INTS);
    this.#ints = new Int32Array(this.buffer);
    if (buffer !== undefined) return;
    this.#ints[SLOT.HELD] = NOTHING;
    this.#ints[SLOT.DELETING] = NOTHING;
  }

  /** Whole frames lie before this. Segments with smaller numbers are closed; this one grows. */
  get written(): SpoolPosition {
    return this.#position(SLOT.WRITE_SEGMENT, SLOT.WRITE_OFFSET);
  }

  /** As the shipper told it last: everything before this need not be kept. */
  get shipped(): SpoolPosition {
    return this.#position(SLOT.SHIP_SEGMENT, SLOT.SHIP_OFFSET);
  }

  /** Writer: told after the bytes are in the file. */
  wrote(position: SpoolPosition): void {
    this.#setPosition(SLOT.WRITE_SEGMENT, SLOT.WRITE_OFFSET, position);
    Atomics.add(this.#ints, SLOT.WAKE, 1);
    Atomics.notify(this.#ints, SLOT.WAKE);
  }

  /** Socket thread: share of its time that it was at work lately. */
  tellBusy(share: number): void {
    Atomics.store(this.#ints, SLOT.BUSY, Math.round(share * 1000));
  }

  get busy(): number {
    return Atomics.load(this.#ints, SLOT.BUSY) / 1000;
  }

  /** Shipper: told after its checkpoint is on disk. */
  ship(position: SpoolPosition): void {
    this.#setPosition(SLOT.SHIP_SEGMENT, SLOT.SHIP_OFFSET, position);
  }

  /** A number that changes with every write: take it before looking, and give it to `waitForWrite` after nothing was found. */
  get wakes(): number {
    return Atomics.load(this.#ints, SLOT.WAKE);
  }

  /** Shipper: sleeps until something was written since `wakes` was taken, or `timeout_ms`. */
  waitForWrite(wakes: number, timeout_ms: number): void {
    Atomics.wait(this.#ints, SLOT.WAKE, wakes, timeout_ms);
  }

  /**
   * Shipper: from now on the writer does not delete this segment; what was held before is let go. The file may be gone already when this
   * returns: then the next segment that exists is the one to go on with.
   */
  hold(segment: number): void {
    Atomics.store(this.#ints, SLOT.HELD, segment);
    for (;;) {
      if (Atomics.load(this.#ints, SLOT.DELETING) !== segment) return;
      Atomics.wait(this.#ints, SLOT.DELETING, segment, 50);
    }
  }

  letGo(): void {
    Atomics.store(this.#ints, SLOT.HELD, NOTHING);
  }

  /** Writer: runs `remove` unless the shipper holds the segment. Returns whether it ran. */
  deleteUnheld(segment: number, remove: () => void): boolean {
    Atomics.store(this.#ints, SLOT.DELETING, segment);
    try {
      if (Atomics.load(this.#ints, SLOT.HELD) === segment) return false;
      remove();
      return true;
    } finally {
      Atomics.store(this.#ints, SLOT.DELETING, NOTHING);
      Atomics.notify(this.#ints, SLOT.DELETING);
    }
  }

  #setPosition(segmentSlot: number, offsetSlot: number, { segment, offset }: SpoolPosition): void {
    if (Atomics.load(this.#ints, segmentSlot) !== segment) {
      // Whoever reads in between finds too little, never an offset of the one segment with the number of the other.
      Atomics.store(this.#ints, offsetSlot, 0);
      Atomics.store(this.#ints, segmentSlot, segment);
    }
    Atomics.store(this.#ints, offsetSlot, offset);
  }

  #position(segmentSlot: number, offsetSlot: number): SpoolPosition {
    for (;;) {
      const segment = Atomics.load(this.#ints, segmentSlot);
      const offset = Atomics.load(this.#ints, offsetSlot);
      if (Atomics.load(this.#ints, segmentSlot) === segment) return { segment, offset };
    }
  }
}
