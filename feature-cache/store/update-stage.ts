import { TidegateError } from '../../contract/error.js';
import { FEATURE_SOURCES, type FeatureUpdate, type FeatureValue } from '../../contract/feature-row.js';
import { nearestName } from '../../std/nearest-name.js';
import type { FieldPlace, RowLayout } from './row-layout.js';

/** What a stage says of a field. */
export const UNTOUCHED = 0;
export const PRESENT = 1;
export const ABSENT = 2;

const LEAST_INT64 = -(2n ** 63n);
const MOST_INT64 = 2n ** 63n - 1n;

export interface StageLimits {
  readonly most_string_bytes: number;
  /** How far ahead of the clock an event may be: the clocks of its senders are never quite ours. */
  readonly most_future_us: number;
}

/**
 * One update, checked and encoded as words of a row, before anything of the table is touched: what is refused here has
 * changed nothing. Used again for each update.
 */
export class UpdateStage {
  readonly words: Int32Array;
  readonly f32: Float32Array;
  readonly f64: Float64Array;
  readonly #i64: BigInt64Array;
  /** UNTOUCHED, PRESENT or ABSENT, a field. */
  readonly marks: Uint8Array;
  /** The UTF-8 of strings and categories, a field. */
  readonly texts: (Buffer | undefined)[];
  readonly #layout: RowLayout;
  readonly #limits: StageLimits;
  event_time_us = 0;
  ingest_time_us = 0;
  sequence = 0;
  source = 0;

  constructor(layout: RowLayout, limits: StageLimits) {
    this.#layout = layout;
    this.#limits = limits;
    this.words = new Int32Array(layout.words);
    this.f32 = new Float32Array(this.words.buffer);
    this.f64 = new Float64Array(this.words.buffer);
    this.#i64 = new BigInt64Array(this.words.buffer);
    this.marks = new Uint8Array(layout.fields.length);
    this.texts = new Array<Buffer | undefined>(layout.fields.length).fill(undefined);
  }

  set(update: FeatureUpdate, now_us: number): void {
    this.#setTimes(update, now_us);
    for (const position of this.#layout.texts) this.texts[position] = undefined;
    if (update.deleted === true) {
      if (update.values !== undefined) throw this.#refused('it deletes the entity and has values: send two updates');
      this.marks.fill(ABSENT);
      return;
    }
    this.marks.fill(UNTOUCHED);
    if (typeof update.values !== 'object' || Array.isArray(update.values)) {
      throw this.#refused('it has no values by name: name at least one feature, or delete the entity');
    }
    const { fields } = this.#layout;
    let named = 0;
    let next = 0;
    for (const name in update.values) {
      // Senders name fields in the order of the view more often than not: the next one is tried before the map is.
      let place = fields[next];
      if (place === undefined || place.field.name !== name) {
        const position = this.#layout.position_of.get(name);
        if (position === undefined) throw this.#unknown(name);
        place = fields[position];
      }
      this.#setValue(place, update.values[name]);
      next = place.position + 1;
      named++;
    }
    if (named === 0) throw this.#refused('it has no values: name at least one feature, or delete the entity');
  }

  #setTimes({ event_time_us, ingest_time_us, sequence, source }: FeatureUpdate, now_us: number): void {
    if (!Number.isSafeInteger(event_time_us)) {
      throw this.#refused(`its event time ${event_time_us} is not a whole number of microseconds`);
    }
    if (event_time_us > now_us + this.#limits.most_future_us) {
      const ahead_s = ((event_time_us - now_us) / 1e6).toFixed(3);
      const most_s = this.#limits.most_future_us / 1e6;
      throw this.#refused(
        `its event time is ${ahead_s} s ahead of this node's clock, and at most ${most_s} s are allowed`,
      );
    }
    if (!Number.isSafeInteger(ingest_time_us)) {
      throw this.#refused(`its ingest time ${ingest_time_us} is not a whole number of microseconds`);
    }
    if (!(Number.isSafeInteger(sequence) && sequence >= 0)) {
      throw this.#refused(`its sequence ${sequence} is not a whole number from 0 to 2^53`);
    }
    this.event_time_us = event_time_us;
    this.ingest_time_us = ingest_time_us;
    this.sequence = sequence;
    this.source = FEATURE_SOURCES.indexOf(source);
    if (this.source < 0) throw this.#refused(`its source "${source}" is none of ${FEATURE_SOURCES.join(', ')}`);
  }

  #setValue(place: FieldPlace, value: FeatureValue | null | undefined): void {
    if (value === null) {
      this.marks[place.position] = ABSENT;
      return;
    }
    if (value === undefined || !this.#encode(place, value)) throw this.#wrongValue(place, value);
    this.marks[place.position] = PRESENT;
  }

  /** False where the value is not one of the field's type. */
  #encode({ type, word, position, mask, words }: FieldPlace, value: FeatureValue): boolean {
    switch (type) {
      case 'float32':
        if (typeof value !== 'number') return false;
        this.f32[word] = value;
        return Number.isFinite(this.f32[word]);
      case 'float64':
        if (typeof value !== 'number') return false;
        this.f64[word >>> 1] = value;
        return Number.isFinite(value);
      case 'timestamp':
        if (typeof value !== 'number') return false;
        this.f64[word >>> 1] = value;
        return Number.isSafeInteger(value);
      case 'int32':
        if (typeof value !== 'number') return false;
        this.words[word] = value;
        return this.words[word] === value;
      case 'int64':
        return this.#encodeInt64(word, value);
      case 'bool':
        if (typeof value !== 'boolean') return false;
        this.words[word] = value ? this.words[word] | mask : this.words[word] & ~mask;
        return true;
      case 'category':
      case 'string':
        if (typeof value !== 'string') return false;
        return this.#encodeText(position, value);
      case 'vector':
        return this.#encodeVector(word, words, value);
    }
  }

  #encodeInt64(word: number, value: FeatureValue): boolean {
    if (typeof value === 'number') {
      if (!Number.isSafeInteger(value)) return false;
      // Two words by hand: a bigint would be made for each number that comes as one.
      this.words[word] = value | 0;
      this.words[word + 1] = Math.floor(value / 2 ** 32);
      return true;
    }
    if (typeof value !== 'bigint' || value < LEAST_INT64 || value > MOST_INT64) return false;
    this.#i64[word >>> 1] = value;
    return true;
  }

  #encodeText(position: number, value: string): boolean {
    const most = this.#limits.most_string_bytes;
    // Before it is encoded: a text of a gigabyte is refused by its length alone.
    if (value.length > most || !value.isWellFormed()) return false;
    const bytes = Buffer.from(value, 'utf8');
    this.texts[position] = bytes;
    return bytes.length <= most;
  }

  #encodeVector(word: number, length: number, value: FeatureValue): boolean {
    if (!(Array.isArray(value) || value instanceof Float32Array) || value.length !== length) return false;
    for (let at = 0; at < length; at++) {
      if (typeof value[at] !== 'number') return false;
      this.f32[word + at] = value[at];
      if (!Number.isFinite(this.f32[word + at])) return false;
    }
    return true;
  }

  #wrongValue({ field, type }: FieldPlace, value: FeatureValue | undefined): TidegateError {
    const wanted: Record<typeof type, string> = {
      float32: 'a finite number within float32',
      float64: 'a finite number',
      timestamp: 'a whole number of microseconds since 1970',
      int32: 'a whole number from -2147483648 to 2147483647',
      int64: 'a whole number of 64 bits (one beyond 2^53 as a bigint)',
      bool: 'true or false',
      category: `a text of Unicode characters of at most ${this.#limits.most_string_bytes} bytes`,
      string: `a text of Unicode characters of at most ${this.#limits.most_string_bytes} bytes`,
      vector: `a list of ${field.length} finite numbers within float32`,
    };
    return this.#refused(`feature "${field.name}" is ${type} and got ${shown(value)}: give ${wanted[type]}, or null`);
  }

  #unknown(name: string): TidegateError {
    const near = nearestName(name, [...this.#layout.position_of.keys()]);
    const hint = near === undefined ? '' : ` (did you mean "${near}"?)`;
    return this.#refused(`there is no feature "${name.slice(0, 100)}"${hint}`);
  }

  #refused(problem: string): TidegateError {
    return new TidegateError('INVALID_VALUE', `an update of "${this.#layout.shape.name}" is refused: ${problem}`);
  }
}

/** Enough of a wrong value to find it, and no more. */
function shown(value: unknown): string {
  if (typeof value === 'string') {
    return value.length <= 40
      ? JSON.stringify(value)
      : `a text of ${value.length} characters, "${value.slice(0, 20)}…"`;
  }
  if (Array.isArray(value) || value instanceof Float32Array) {
    const wrong = Array.from(value).findIndex(
      (item) => typeof item !== 'number' || !Number.isFinite(Math.fround(item)),
    );
    return `a list of ${value.length}${wrong < 0 ? '' : `, with ${String(value[wrong])} at ${wrong}`}`;
  }
  return typeof value === 'object' ? 'an object' : String(value);
}
