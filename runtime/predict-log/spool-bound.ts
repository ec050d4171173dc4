import { unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { segmentName } from './segment-file.js';
import { countPredictions, type FoundSegment, segmentsOf } from './spool-directory.js';
import type { SpoolState } from './spool-state.js';

/** How often the folder is looked at again while there is no room: the shipper deletes what it has shipped. */
const LOOK_AGAIN_MS = 50;

/** What closed segments take of the bound, and the deletion of the oldest. */
export class SpoolBound {
  readonly #directory: string;
  readonly #state: SpoolState;
  #closed: FoundSegment[] = [];
  #closedBytes = 0;
  #looked_ms = 0;
  /** Records of the segments that this process wrote; those of others are counted when they have to go. */
  readonly #records = new Map<number, number>();

  constructor(directory: string, state: SpoolState) {
    this.#directory = directory;
    this.#state = state;
  }

  /** Bytes of all segments but the one that grows, as far as is known. */
  get closed_bytes(): number {
    return this.#closedBytes;
  }

  get segments(): number {
    return this.#closed.length;
  }

  /** A segment of this process is full. */
  closed(number: number, records: number): void {
    this.#records.set(number, records);
  }

  /** Looks at the folder. `current`: the segment that grows. */
  look(current: number): void {
    this.#looked_ms = performance.now();
    this.#closed = segmentsOf(this.#directory).filter((segment) => segment.number !== current);
    this.#closedBytes = this.#closed.reduce((sum, { bytes }) => sum + bytes, 0);
    const oldest = this.#closed.at(0)?.number ?? current;
    for (const number of this.#records.keys()) if (number < oldest) this.#records.delete(number);
  }

  lookAgain(current: number): void {
    if (performance.now() - this.#looked_ms >= LOOK_AGAIN_MS) this.look(current);
  }

  /** Deletes the oldest segment that the shipper does not hold. Returns what was in it, or undefined where there is none to delete. */
  deleteOldest(): { readonly bytes: number; readonly records: number } | undefined {
    for (const [index, { number, bytes }] of this.#closed.entries()) {
      let records = 0;
      const deleted = this.#state.deleteUnheld(number, () => {
        records = this.#records.get(number) ?? countPredictions(this.#directory, number);
        this.#records.delete(number);
        unlinkSync(join(this.#directory, segmentName(number)));
      });
      if (!deleted) continue;
      this.#closed.splice(index, 1);
      this.#closedBytes -= bytes;
      return { bytes, records };
    }
    return undefined;
  }

  /** Milliseconds since 1970 when the oldest segment at or behind `number` was begun. */
  since_ms(number: number): number | undefined {
    return this.#closed.find((segment) => segment.number >= number)?.since_ms;
  }
}
