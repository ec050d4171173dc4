import type { DesiredState } from '../../contract/desired-state.js';
import type { LeaseRecord } from '../../control-plane/fleet/lease.js';

export interface Entry<T> {
  readonly revision: number;
  readonly value: T | undefined;
}

/** A key with compare-and-set, as a KV bucket has it: writes are in one order, and each counts only over the revision that it names. */
class Key<T> {
  entry: Entry<T> = { revision: 0, value: undefined };

  put(value: T, over: number): number | undefined {
    if (over !== this.entry.revision) return undefined;
    this.entry = { revision: over + 1, value };
    return this.entry.revision;
  }
}

/** What NATS is in the real fleet. */
export class Store {
  readonly lease = new Key<LeaseRecord>();
  readonly desired = new Key<DesiredState>();
}
