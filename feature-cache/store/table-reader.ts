import {
  FEATURE_SOURCES,
  type FeatureSource,
  type FeatureValue,
  type KeyPart,
  READ_DEFAULT,
  READ_FRESH,
  READ_MISSING,
  READ_STALE,
  READ_STATUSES,
  type ReadStatus,
} from '../../contract/feature-row.js';
import { EntityKey } from './entity-key.js';
import type { FieldPlace } from './row-layout.js';
import { RowReader } from './row-reader.js';
import { readSequence, readSource, readTime } from './stamps.js';
import { attachTable, type TableHandle } from './table-memory.js';

/** A value with everything that is known of it. */
export interface ReadValue {
  readonly value: FeatureValue | null;
  readonly status: ReadStatus;
  /** Of the last event that spoke of it, be it one that took the value away; null: none did. */
  readonly event_time_us: number | null;
  readonly ingest_time_us: number | null;
  readonly sequence: number | null;
  readonly age_us: number | null;
  readonly source: FeatureSource | null;
}

export interface ReadOptions {
  /** Whether a value past its time to live is given, as `stale`; else the default is, or nothing. */
  readonly allow_stale?: boolean;
}

/** Whether what was said so long ago may still be served. The boundary itself may: a time to live of 1 s serves at 1.000000 s. */
export function statusOf(
  present: boolean,
  age_us: number,
  ttl_us: number,
  allow_stale: boolean,
  has_default: boolean,
): number {
  if (present && age_us <= ttl_us) return READ_FRESH;
  if (present && allow_stale) return READ_STALE;
  return has_default ? READ_DEFAULT : READ_MISSING;
}

/** Reads single entities with all there is to say of their values: for people, APIs and tests. Models read by `Gather`. */
export class TableReader {
  readonly #rows: RowReader;
  readonly #key: EntityKey;

  constructor(handle: TableHandle) {
    this.#rows = new RowReader(attachTable(handle));
    this.#key = new EntityKey(handle.seed);
  }

  /** Every field by its name; of an entity that is not there, the defaults. */
  read(key: readonly KeyPart[], now_us: number, options: ReadOptions = {}): Record<string, ReadValue> {
    this.#key.setParts(key);
    const { fields } = this.#rows.memory.layout;
    const allow_stale = options.allow_stale ?? false;
    for (;;) {
      const found = this.#rows.find(this.#key);
      const values = fields.map(
        (place) => [place.field.name, this.#readField(found, place, now_us, allow_stale)] as const,
      );
      if (!found || this.#rows.unchanged()) {
        if (found) this.#rows.touch();
        return Object.fromEntries(values);
      }
    }
  }

  #readField(found: boolean, place: FieldPlace, now_us: number, allow_stale: boolean): ReadValue {
    const fallback = place.field.default;
    const stamp = found ? this.#rows.stampOf(place.position) : -1;
    if (stamp === -1) {
      const status = fallback === undefined ? 'missing' : 'default';
      const nothing = { event_time_us: null, ingest_time_us: null, sequence: null, age_us: null, source: null };
      return { value: fallback ?? null, status, ...nothing };
    }
    const { rows, heap } = this.#rows.memory;
    const words = stamp >= 0 ? rows.i32 : heap.i32;
    const at = stamp >= 0 ? stamp : -2 - stamp;
    const event_time_us = readTime(words, at);
    const age_us = now_us - event_time_us;
    const present = this.#rows.present(place.position);
    const status = statusOf(present, age_us, place.ttl_us, allow_stale, fallback !== undefined);
    const stored = status === READ_FRESH || status === READ_STALE;
    return {
      value: stored ? this.#rows.value(place) : (fallback ?? null),
      status: READ_STATUSES[status],
      event_time_us,
      ingest_time_us: readTime(words, at + 2),
      sequence: readSequence(words, at),
      age_us,
      source: FEATURE_SOURCES[readSource(words, at)],
    };
  }
}
