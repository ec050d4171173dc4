import { DATATYPE_BYTES } from '../../contract/datatype.js';
import type { OutputTensor } from '../../contract/inference.js';
import type { SlabViews } from '../codec/slab-views.js';
import { numberReader, type ReadNumber, textReader } from './element-reader.js';
import { copyDoubles, copyFloats } from './feature-capture.js';
import { HALF, type OutcomePlan } from './outcome-plan.js';
import type { RecordWriter } from './record-codec.js';
import { FLAG, NO_CLASS } from './record-format.js';

/** What a request was answered, as it lies in the memory of the worker: views in the order of the plan. */
export interface CapturedOutputs {
  readonly memory: SlabViews;
  readonly tensors: readonly OutputTensor[];
  readonly rows: number;
}

const NEVER: ReadNumber = () => Number.NaN;

/** Takes outputs, score and class out of the answer to a request. One object serves all requests of a version, one after the other. */
export class OutcomeCapture {
  readonly #plan: OutcomePlan;
  readonly #readers: readonly ReadNumber[];
  readonly #numeric: readonly number[];
  readonly #bytes: readonly number[];
  readonly #verbatim: 'float' | 'double' | undefined;
  readonly #texts: readonly ((memory: SlabViews, offset: number, index: number) => string)[];
  /** FLAG of scores and classes: the same for every answered request. */
  readonly flags: number;

  constructor(plan: OutcomePlan) {
    this.#plan = plan;
    const indexes = plan.outputs.map((_, index) => index).filter((index) => plan.outputs[index].kept);
    this.#numeric = indexes.filter((index) => plan.outputs[index].datatype !== 'BYTES');
    this.#bytes = indexes.filter((index) => plan.outputs[index].datatype === 'BYTES');
    this.#readers = plan.outputs.map(({ datatype }) => (datatype === 'BYTES' ? NEVER : numberReader(datatype)));
    this.#texts = plan.outputs.map(({ datatype }) => (datatype === 'BYTES' ? () => '' : textReader(datatype)));
    const only = this.#numeric.length === 1 ? plan.outputs[this.#numeric[0]].datatype : undefined;
    this.#verbatim = only === 'FP32' ? 'float' : only === 'FP64' ? 'double' : undefined;
    const classFlag = {
      none: 0,
      greatest: FLAG.CLASS_INDEXES,
      half: FLAG.CLASS_INDEXES,
      index: FLAG.CLASS_INDEXES,
      text: FLAG.CLASS_TEXTS,
    };
    this.flags =
      (plan.score.kind === 'none' ? 0 : FLAG.SCORES) |
      classFlag[plan.class.kind] |
      (plan.output_double ? FLAG.OUTPUT_DOUBLE : 0);
  }

  get output_width(): number {
    return this.#plan.output_names.length;
  }

  get text_width(): number {
    return this.#plan.text_names.length;
  }

  /** Whether the model answered in the shapes that its file declares: some files are wrong about them, and run all the same. */
  fits({ tensors, rows }: CapturedOutputs): boolean {
    for (let index = 0; index < tensors.length; index++) {
      const { kept, elements, datatype } = this.#plan.outputs[index];
      if (!kept) continue;
      const { bytes } = tensors[index];
      const width = DATATYPE_BYTES[datatype];
      if (width > 0 ? bytes.length !== rows * elements * width : countTexts(bytes) !== rows * elements) return false;
    }
    return true;
  }

  /** One text a row, where the class is one. */
  writeClassTexts(writer: RecordWriter, { memory, tensors, rows }: CapturedOutputs): void {
    const rule = this.#plan.class;
    if (rule.kind !== 'text') return;
    const { bytes, datatype } = tensors[rule.output];
    if (datatype === 'BYTES') {
      eachText(bytes, rows, (_, from, to) => writer.textBytes(bytes, from, to));
      return;
    }
    const read = this.#texts[rule.output];
    for (let row = 0; row < rows; row++) writer.text(read(memory, bytes.byteOffset, row));
  }

  /** `rows × text_width` texts. */
  writeTexts(writer: RecordWriter, { tensors, rows }: CapturedOutputs): void {
    if (this.#bytes.length === 0) return;
    if (this.#bytes.length === 1) {
      const { bytes } = tensors[this.#bytes[0]];
      const { elements } = this.#plan.outputs[this.#bytes[0]];
      eachText(bytes, rows * elements, (_, from, to) => writer.textBytes(bytes, from, to));
      return;
    }
    const found = this.#bytes.map((index) => spans(tensors[index].bytes, rows * this.#plan.outputs[index].elements));
    for (let row = 0; row < rows; row++) {
      for (const [which, index] of this.#bytes.entries()) {
        const { elements } = this.#plan.outputs[index];
        for (let element = 0; element < elements; element++) {
          const [from, to] = found[which][row * elements + element];
          writer.textBytes(tensors[index].bytes, from, to);
        }
      }
    }
  }

  writeScores(writer: RecordWriter, { memory, tensors, rows }: CapturedOutputs): void {
    const rule = this.#plan.score;
    if (rule.kind === 'none') return;
    const at = writer.part(8 * rows) >>> 3;
    const target = writer.buffer.memory.f64;
    const { elements } = this.#plan.outputs[rule.output];
    const read = this.#readers[rule.output];
    const offset = tensors[rule.output].bytes.byteOffset;
    for (let row = 0; row < rows; row++) {
      const element = rule.kind === 'element' ? rule.element : greatest(read, memory, offset, row * elements, elements);
      target[at + row] = element < 0 ? Number.NaN : read(memory, offset, row * elements + element);
    }
  }

  /** `rows × output_width` numbers. */
  writeNumbers(writer: RecordWriter, { memory, tensors, rows }: CapturedOutputs): void {
    const width = this.output_width;
    const double = this.#plan.output_double;
    const at = writer.part((double ? 8 : 4) * rows * width);
    const to = writer.buffer.memory;
    if (this.#verbatim !== undefined) {
      const copy = this.#verbatim === 'float' ? copyFloats : copyDoubles;
      copy(memory, tensors[this.#numeric[0]].bytes.byteOffset, to, at, rows * width);
      return;
    }
    const target = double ? to.f64 : to.f32;
    const begin = at >>> (double ? 3 : 2);
    for (const index of this.#numeric) {
      const { elements, place } = this.#plan.outputs[index];
      const read = this.#readers[index];
      const offset = tensors[index].bytes.byteOffset;
      for (let row = 0; row < rows; row++) {
        for (let element = 0; element < elements; element++) {
          target[begin + row * width + place + element] = read(memory, offset, row * elements + element);
        }
      }
    }
  }

  /** One index a row into the classes of the layout. */
  writeClassIndexes(writer: RecordWriter, { memory, tensors, rows }: CapturedOutputs): void {
    const rule = this.#plan.class;
    if (rule.kind === 'none' || rule.kind === 'text') return;
    const at = writer.part(4 * rows) >>> 2;
    const target = writer.buffer.memory.u32;
    const { elements } = this.#plan.outputs[rule.output];
    const read = this.#readers[rule.output];
    const offset = tensors[rule.output].bytes.byteOffset;
    const { length } = this.#plan.classes;
    for (let row = 0; row < rows; row++) {
      const first = row * elements;
      const found =
        rule.kind === 'greatest'
          ? greatest(read, memory, offset, first, elements)
          : classNumber(rule.kind, read(memory, offset, first));
      target[at + row] = found >= 0 && found < length ? found : NO_CLASS;
    }
  }
}

function classNumber(kind: 'half' | 'index', value: number): number {
  if (Number.isNaN(value)) return -1;
  if (kind === 'index') return value;
  return value > HALF ? 1 : 0;
}

/** The first of the greatest elements; -1: all are NaN. */
function greatest(read: ReadNumber, memory: SlabViews, offset: number, first: number, elements: number): number {
  let best = -1;
  let most = Number.NaN;
  for (let element = 0; element < elements; element++) {
    const value = read(memory, offset, first + element);
    if (value > most || (Number.isNaN(most) && !Number.isNaN(value))) {
      best = element;
      most = value;
    }
  }
  return best;
}

function eachText(bytes: Uint8Array, count: number, visit: (index: number, from: number, to: number) => void): void {
  let at = 0;
  for (let index = 0; index < count; index++) {
    const length = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    visit(index, at + 4, at + 4 + length);
    at += 4 + length;
  }
}

function countTexts(bytes: Uint8Array): number {
  let count = 0;
  for (let at = 0; at < bytes.length; count++) {
    at += 4 + (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24));
  }
  return count;
}

function spans(bytes: Uint8Array, count: number): (readonly [from: number, to: number])[] {
  const found: (readonly [number, number])[] = [];
  eachText(bytes, count, (_, from, to) => found.push([from, to]));
  return found;
}
