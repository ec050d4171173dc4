import { createHash } from 'node:crypto';
import type { SlabViews } from '../codec/slab-views.js';
import { numberReader, type ReadText, textReader } from './element-reader.js';
import type { FeaturePlan, PlannedFeature, PlannedLogInput, ValueSource } from './feature-plan.js';
import type { KeyedHash } from './keyed-hash.js';
import type { RecordWriter } from './record-codec.js';
import { DIGEST_BYTES } from './record-format.js';

/** The inputs of a request, as they lie in shared memory: each at a multiple of 8, in the order of the plan. */
export interface CapturedInputs {
  readonly memory: SlabViews;
  readonly offset: number;
  readonly bytes: readonly number[];
  readonly rows: number;
}

/** Where the elements of a BYTES input lie: filled anew for each request. */
class ByteElements {
  readonly starts: number[] = [];
  readonly ends: number[] = [];

  scan(u8: Uint8Array, offset: number, bytes: number): void {
    let count = 0;
    for (let at = offset; at < offset + bytes; count++) {
      const length = u8[at] | (u8[at + 1] << 8) | (u8[at + 2] << 16) | (u8[at + 3] << 24);
      this.starts[count] = at + 4;
      at += 4 + length;
      this.ends[count] = at;
    }
  }
}

type CopyNumbers = (
  target: Float32Array | Float64Array,
  at: number,
  inputs: CapturedInputs,
  offsets: readonly number[],
) => void;

/**
 * Takes what the plan says out of the inputs of a request: everything that depends on names and types is settled when this is made, so
 * that a request costs a copy, or a loop over its elements. One object serves all requests of a version, one after the other.
 */
export class FeatureCapture {
  readonly #plan: FeaturePlan;
  readonly #hash: () => KeyedHash;
  readonly #elements: readonly (ByteElements | undefined)[];
  readonly #texts: readonly (ReadText | undefined)[];
  readonly #copies: readonly CopyNumbers[];
  readonly #categorical: readonly PlannedFeature[];
  readonly #offsets: number[] = [];
  #inputs: CapturedInputs | undefined;

  constructor(plan: FeaturePlan, hash: () => KeyedHash) {
    this.#plan = plan;
    this.#hash = hash;
    this.#elements = plan.inputs.map(({ datatype }) => (datatype === 'BYTES' ? new ByteElements() : undefined));
    this.#texts = plan.inputs.map(({ datatype }) => (datatype === 'BYTES' ? undefined : textReader(datatype)));
    const numeric = plan.features.filter(({ kind }) => kind === 'numeric');
    this.#copies = numeric.map((feature) => copyOf(feature, plan.inputs[feature.index], plan.num_width));
    this.#categorical = plan.features.filter(({ kind }) => kind === 'categorical');
  }

  /** Begins with a request. Returns whether its values are kept; else a digest of each row is. */
  begin(inputs: CapturedInputs): boolean {
    this.#inputs = inputs;
    let at = inputs.offset;
    for (let index = 0; index < inputs.bytes.length; index++) {
      this.#offsets[index] = at;
      this.#elements[index]?.scan(inputs.memory.u8, at, inputs.bytes[index]);
      at += (inputs.bytes[index] + 7) & ~7;
    }
    const { kept, has_bytes } = this.#plan;
    return kept === 'kept' && !(has_bytes && this.#isTooLarge(inputs.rows));
  }

  /** Writes the text of a source of each row, or of the given one: entity keys and segments. */
  writeValue(writer: RecordWriter, source: ValueSource & { readonly from: 'feature' }, row: number): void {
    const { input, element, hashed } = source;
    this.#writeElement(writer, input, row, element, hashed);
  }

  /** `rows × cat_width` texts. */
  writeCategories(writer: RecordWriter, rows: number): void {
    for (let row = 0; row < rows; row++) {
      for (const { index, element, privacy } of this.#categorical) {
        if (privacy === 'redacted') writer.text('');
        else this.#writeElement(writer, index, row, element, privacy === 'hashed');
      }
    }
  }

  /** `rows × num_width` numbers. */
  writeNumbers(writer: RecordWriter, rows: number): void {
    const { num_width, num_double, verbatim } = this.#plan;
    const inputs = this.#inputs;
    const bytes = rows * num_width * (num_double ? 8 : 4);
    const at = writer.part(bytes);
    const { memory } = writer.buffer;
    if (inputs === undefined) return;
    if (verbatim) {
      if (num_double) copyDoubles(inputs.memory, inputs.offset, memory, at, rows * num_width);
      else copyFloats(inputs.memory, inputs.offset, memory, at, rows * num_width);
      return;
    }
    const target = num_double ? memory.f64 : memory.f32;
    for (const copy of this.#copies) copy(target, at >>> (num_double ? 3 : 2), inputs, this.#offsets);
  }

  /** One digest for each row: of its inputs, one after the other, strings with their lengths. */
  writeDigests(writer: RecordWriter, rows: number): void {
    const at = writer.part(DIGEST_BYTES * rows);
    for (let row = 0; row < rows; row++) {
      writer.buffer.memory.u8.set(this.#digest(row, rows), at + row * DIGEST_BYTES);
    }
  }

  #digest(row: number, rows: number): Buffer {
    const parts = this.#partsOf(row, rows);
    if (this.#plan.is_private) return this.#hash().digest(parts);
    const hash = createHash('sha256');
    for (const part of parts) hash.update(part);
    return hash.digest();
  }

  *#partsOf(row: number, rows: number): Iterable<Uint8Array> {
    const inputs = this.#inputs;
    if (inputs === undefined) return;
    for (let index = 0; index < this.#offsets.length; index++) {
      const elements = this.#elements[index];
      const offset = this.#offsets[index];
      const { u8 } = inputs.memory;
      if (elements === undefined) {
        const width = inputs.bytes[index] / rows;
        yield u8.subarray(offset + row * width, offset + (row + 1) * width);
        continue;
      }
      const own = this.#rowElements(index, rows);
      const first = row * own;
      if (own > 0) yield u8.subarray(elements.starts[first] - 4, elements.ends[first + own - 1]);
    }
  }

  /** Elements of a row of a BYTES input. Where that varies between requests, it is what the rows of this one have. */
  #rowElements(index: number, rows: number): number {
    const { elements } = this.#plan.inputs[index];
    if (elements >= 0) return elements;
    const inputs = this.#inputs;
    const found = this.#elements[index];
    if (inputs === undefined || found === undefined || inputs.bytes[index] === 0) return 0;
    const end = this.#offsets[index] + inputs.bytes[index];
    return (found.ends.indexOf(end) + 1) / rows;
  }

  #isTooLarge(rows: number): boolean {
    const { inputs, fixed_bytes, max_input_bytes } = this.#plan;
    for (let row = 0; row < rows; row++) {
      let bytes = fixed_bytes;
      for (let index = 0; index < inputs.length; index++) {
        const found = this.#elements[index];
        const { elements } = inputs[index];
        if (found === undefined || elements <= 0) continue;
        bytes += found.ends[(row + 1) * elements - 1] - found.starts[row * elements] + 4;
      }
      if (bytes > max_input_bytes) return true;
    }
    return false;
  }

  #writeElement(writer: RecordWriter, input: number, row: number, element: number, hashed: boolean): void {
    const inputs = this.#inputs;
    if (inputs === undefined) {
      writer.text('');
      return;
    }
    const { memory } = inputs;
    const index = row * Math.max(0, this.#plan.inputs[input].elements) + element;
    const found = this.#elements[input];
    const read = this.#texts[input];
    if (found === undefined) {
      const text = read === undefined ? '' : read(memory, this.#offsets[input], index);
      writer.text(hashed ? this.#hash().text(text) : text);
    } else if (hashed) {
      const text = Buffer.from(memory.u8.subarray(found.starts[index], found.ends[index])).toString('utf8');
      writer.text(this.#hash().text(text));
    } else {
      writer.textBytes(memory.u8, found.starts[index], found.ends[index]);
    }
  }
}

function copyOf(feature: PlannedFeature, input: PlannedLogInput, num_width: number): CopyNumbers {
  const { index, element, place, privacy } = feature;
  const { elements, datatype } = input;
  if (privacy === 'redacted' || datatype === 'BYTES') {
    return (target, at, { rows }) => {
      for (let row = 0; row < rows; row++) target[at + row * num_width + place] = Number.NaN;
    };
  }
  const read = numberReader(datatype);
  return (target, at, { memory, rows }, offsets) => {
    const offset = offsets[index];
    for (let row = 0; row < rows; row++) {
      target[at + row * num_width + place] = read(memory, offset, row * elements + element);
    }
  };
}

/** Below this a loop is quicker than the view that `set` needs. */
const SHORT_COPY = 64;

/** Copied as whole numbers: a NaN keeps its bits. */
export function copyFloats(from: SlabViews, offset: number, to: SlabViews, at: number, count: number): void {
  const source = from.u32;
  const target = to.u32;
  const first = offset >>> 2;
  const begin = at >>> 2;
  if (count > SHORT_COPY) {
    target.set(source.subarray(first, first + count), begin);
    return;
  }
  for (let index = 0; index < count; index++) target[begin + index] = source[first + index];
}

export function copyDoubles(from: SlabViews, offset: number, to: SlabViews, at: number, count: number): void {
  copyFloats(from, offset, to, at, 2 * count);
}
