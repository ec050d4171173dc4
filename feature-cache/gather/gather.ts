import { TidegateError } from '../../contract/error.js';
import { type KeyPart, READ_FRESH, READ_STALE } from '../../contract/feature-row.js';
import { EntityKey } from '../store/entity-key.js';
import { ROW_STAMP, ROW_STAMPS } from '../store/row-layout.js';
import { RowReader } from '../store/row-reader.js';
import { NEVER, readSource, readTime } from '../store/stamps.js';
import { attachTable, type TableHandle } from '../store/table-memory.js';
import { statusOf } from '../store/table-reader.js';
import {
  type GatherPlan,
  type GatherRun,
  type GatherStep,
  type GatherTarget,
  gatherPlan,
  MOVE_FLOAT32,
  MOVE_FLOAT64,
  MOVE_INT64,
  MOVE_NUMBER,
  MOVE_TEXT,
} from './gather-plan.js';

/** What is said of each value: of key k and target t at k * targets + t. Kept and filled again at each call. */
export interface GatherNotes {
  /** Positions in READ_STATUSES. */
  readonly status: Uint8Array;
  /** Since the last event that spoke of the field, be it too old or one that took the value away; NaN: none did. */
  readonly age_us: Float64Array;
  /** Positions in FEATURE_SOURCES. */
  readonly source: Uint8Array;
}

export function gatherNotes(keys: number, targets: number): GatherNotes {
  const count = keys * targets;
  return { status: new Uint8Array(count), age_us: new Float64Array(count), source: new Uint8Array(count) };
}

/**
 * Takes features of many entities from the table straight into the memory of tensors, with nothing looked up by name and
 * nothing allocated but texts. The values of one entity are of one moment; those of different entities need not be.
 */
export class Gather {
  readonly plan: GatherPlan;
  readonly #rows: RowReader;
  readonly #key: EntityKey;
  readonly #most_keys: number;
  #places = new Int32Array(0);
  #source = 0;

  constructor(handle: TableHandle, targets: readonly GatherTarget[], options: { readonly allow_stale?: boolean } = {}) {
    const memory = attachTable(handle);
    this.#rows = new RowReader(memory);
    this.#key = new EntityKey(handle.seed);
    this.plan = gatherPlan(memory.layout, targets, options.allow_stale ?? false);
    this.#most_keys = Math.min(...this.plan.steps.map(roomOf));
  }

  /** `keys` are of one part each, or lists of parts. Throws at a key that cannot be one: the memory then holds no answer. */
  gather(keys: readonly (KeyPart | readonly KeyPart[])[], now_us: number, notes: GatherNotes): void {
    const { steps } = this.plan;
    if (keys.length > this.#most_keys || keys.length * steps.length > notes.status.length) {
      const most = Math.min(this.#most_keys, Math.floor(notes.status.length / steps.length));
      throw new TidegateError('INVALID_SHAPE', `${keys.length} keys, and room for ${most}: ask for fewer at once`);
    }
    if (keys.length > 1) this.#fetch(keys);
    for (let k = 0; k < keys.length; k++) {
      this.#setKey(keys[k]);
      this.#gatherOne(k, now_us, notes);
    }
  }

  #setKey(key: KeyPart | readonly KeyPart[]): void {
    if (typeof key === 'object') this.#key.setParts(key);
    else this.#key.set(key);
  }

  /** Keys are written twice for this, which costs a tenth of what it saves with a million entities. */
  #fetch(keys: readonly (KeyPart | readonly KeyPart[])[]): void {
    if (this.#places.length < keys.length) this.#places = new Int32Array(keys.length);
    for (let k = 0; k < keys.length; k++) {
      this.#setKey(keys[k]);
      this.#places[k] = this.#key.hash;
    }
    this.#rows.fetchAll(this.#places, keys.length);
  }

  #gatherOne(k: number, now_us: number, notes: GatherNotes): void {
    for (;;) {
      if (!this.#rows.find(this.#key)) {
        this.#fillMissing(k, notes);
        return;
      }
      this.#gatherRow(k, now_us, notes);
      if (this.#rows.unchanged()) {
        this.#rows.touch();
        return;
      }
    }
  }

  #gatherRow(k: number, now_us: number, notes: GatherNotes): void {
    const { runs, layout } = this.plan;
    const { i32 } = this.#rows.memory.rows;
    const { base } = this.#rows;
    // No stamps but the first: of all values that are present, this is the age.
    const whole = i32[base + ROW_STAMPS] === 0;
    const age = whole ? now_us - readTime(i32, base + ROW_STAMP) : Number.NaN;
    const source = readSource(i32, base + ROW_STAMP);
    for (let r = 0; r < runs.length; r++) {
      const run = runs[r];
      let at_once = run.is_float32 && age <= this.plan.steps[run.first].ttl_us;
      for (let m = 0; m < run.presence.length; m++) {
        const { word, mask } = run.presence[m];
        at_once &&= (i32[base + layout.presence + word] & mask) === mask;
      }
      if (at_once) this.#gatherRun(run, k, age, source, notes);
      else this.#gatherSteps(run.first, run.first + run.count, k, now_us, notes);
    }
  }

  #gatherRun({ first, count }: GatherRun, k: number, age: number, from_source: number, notes: GatherNotes): void {
    const { steps } = this.plan;
    const { numbers, place, offset, stride } = steps[first];
    const { status, age_us, source } = notes;
    const { f32 } = this.#rows.memory.rows;
    const from = this.#rows.base + place.word;
    const to = offset + k * stride;
    const note = k * steps.length + first;
    for (let i = 0; i < count; i++) {
      numbers[to + i] = f32[from + i];
      status[note + i] = READ_FRESH;
      age_us[note + i] = age;
      source[note + i] = from_source;
    }
  }

  /** All that the loop needs is taken out of objects before it: it runs for every value of rows that are updated in parts. */
  #gatherSteps(first: number, end: number, k: number, now_us: number, { status, age_us, source }: GatherNotes): void {
    const { steps, layout, allow_stale } = this.plan;
    const { i32, u8 } = this.#rows.memory.rows;
    const { base } = this.#rows;
    const stamps = base * 4 + layout.stamp_of_byte;
    const presence = base + layout.presence;
    let note = k * steps.length + first;
    let last_stamp = -1;
    let age = Number.NaN;
    for (let t = first; t < end; t++, note++) {
      const step = steps[t];
      const { position } = step;
      const stamp = u8[stamps + position];
      if (stamp !== last_stamp) {
        last_stamp = stamp;
        age = this.#readStamp(stamp, position, now_us);
      }
      const present = ((i32[presence + (position >>> 5)] >>> (position & 31)) & 1) === 1;
      const code = statusOf(present, age, step.ttl_us, allow_stale, step.has_default);
      status[note] = code;
      age_us[note] = age;
      source[note] = this.#source;
      const at = step.offset + k * step.stride;
      if (code <= READ_STALE) this.#writeValue(step, at);
      else writeDefault(step, at);
    }
  }

  #fillMissing(k: number, { status, age_us, source }: GatherNotes): void {
    const { steps } = this.plan;
    for (let t = 0; t < steps.length; t++) {
      const note = k * steps.length + t;
      status[note] = statusOf(false, Number.NaN, 0, false, steps[t].has_default);
      age_us[note] = Number.NaN;
      source[note] = 0;
      writeDefault(steps[t], steps[t].offset + k * steps[t].stride);
    }
  }

  /** The age, and beside it the source. Most fields of a row share their stamp: it is read where it differs from the last. */
  #readStamp(stamp: number, position: number, now_us: number): number {
    this.#source = 0;
    if (stamp === NEVER) return Number.NaN;
    const place = this.#rows.stampOf(position);
    const { rows, heap } = this.#rows.memory;
    const words = place >= 0 ? rows.i32 : heap.i32;
    const at = place >= 0 ? place : -2 - place;
    this.#source = readSource(words, at);
    return now_us - readTime(words, at);
  }

  #writeValue(step: GatherStep, at: number): void {
    const { place, move } = step;
    const { rows } = this.#rows.memory;
    const from = this.#rows.base + place.word;
    if (move === MOVE_FLOAT32) {
      step.numbers[at] = rows.f32[from];
    } else if (move === MOVE_FLOAT64) {
      step.numbers[at] = rows.f64[from >>> 1];
    } else if (move === MOVE_NUMBER) {
      step.numbers[at] = this.#rows.number(place);
    } else if (move === MOVE_INT64) {
      this.#writeInt64(step, at);
    } else if (move === MOVE_TEXT) {
      step.texts[at] =
        place.type === 'category' ? this.#rows.category(rows.i32[from]) : this.#rows.text(rows.i32[from]);
    } else {
      for (let i = 0; i < place.words; i++) step.numbers[at + i] = rows.f32[from + i];
    }
  }

  #writeInt64({ place, int64_words }: GatherStep, at: number): void {
    if (place.type === 'int64') {
      const from = this.#rows.base + place.word;
      int64_words[at * 2] = this.#rows.memory.rows.i32[from];
      int64_words[at * 2 + 1] = this.#rows.memory.rows.i32[from + 1];
      return;
    }
    const value = this.#rows.number(place);
    int64_words[at * 2] = value | 0;
    int64_words[at * 2 + 1] = Math.floor(value / 2 ** 32);
  }
}

function writeDefault(step: GatherStep, at: number): void {
  if (step.move <= MOVE_NUMBER) {
    step.numbers[at] = step.default_number;
  } else if (step.move === MOVE_INT64) {
    step.int64_words[at * 2] = step.default_low;
    step.int64_words[at * 2 + 1] = step.default_high;
  } else if (step.move === MOVE_TEXT) {
    step.texts[at] = step.default_text;
  } else {
    for (let i = 0; i < step.default_vector.length; i++) step.numbers[at + i] = step.default_vector[i];
  }
}

/** How many keys a target has room for. A list of texts grows. */
function roomOf(step: GatherStep): number {
  if (step.move === MOVE_TEXT) return Number.POSITIVE_INFINITY;
  const length = step.move === MOVE_INT64 ? step.int64_words.length / 2 : step.numbers.length;
  const width = step.place.type === 'vector' ? step.place.words : 1;
  return Math.floor((length - step.offset - width) / step.stride) + 1;
}
