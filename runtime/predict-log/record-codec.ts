import type { SlabViews } from '../codec/slab-views.js';
import { aligned } from './frame.js';
import type { FrameBuffer } from './frame-buffer.js';
import { LoggedPrediction, type RecordLayout, RecordLayoutSchema } from './logged-prediction.js';
import { DIGEST_BYTES, DOUBLE, FACE_NAMES, FIXED_BYTES, FLAG, type LoggedFace, TEXT, WORD } from './record-format.js';

/** The fixed part of a record. */
export interface RecordHead {
  readonly layout_id: number;
  readonly seq: number;
  readonly ts_us: number;
  readonly rows: number;
  readonly queue_us: number;
  readonly compute_us: number;
  readonly total_us: number;
  readonly share: number;
  readonly face: LoggedFace;
  readonly num_width: number;
  readonly cat_width: number;
  readonly output_width: number;
  readonly text_width: number;
  readonly entity_keys: number;
  readonly segment_sets: number;
  readonly segment_width: number;
  readonly source_width: number;
  readonly age_width: number;
  /** FLAG, or-ed. */
  readonly flags: number;
}

const MOST_U32 = 0xffffffff;

/** How many texts a record with this head has. */
export function textCount(head: Omit<RecordHead, 'layout_id'>): number {
  const classes = (head.flags & FLAG.CLASS_TEXTS) === 0 ? 0 : 1;
  const by_row = head.cat_width + classes + head.text_width + head.source_width;
  return TEXT.FIRST_OTHER + head.entity_keys + head.segment_sets * head.segment_width + head.rows * by_row;
}

/**
 * Writes one record into the open frame of a buffer, in the order of record-format.ts: the head, every text, then the parts, each of
 * which the caller fills where `part` says.
 */
export class RecordWriter {
  readonly buffer: FrameBuffer;
  #end_at = 0;
  #texts_at = 0;

  constructor(buffer: FrameBuffer) {
    this.buffer = buffer;
  }

  begin(head: RecordHead): void {
    const { buffer } = this;
    const texts = textCount(head);
    buffer.open();
    buffer.ensure(FIXED_BYTES + 4 * texts);
    const { u32, f32, f64 } = buffer.memory;
    const at = buffer.at;
    const word = at >>> 2;
    f64[(at >>> 3) + DOUBLE.SEQ] = head.seq;
    f64[(at >>> 3) + DOUBLE.TS_US] = head.ts_us;
    u32[word + WORD.LAYOUT] = head.layout_id;
    u32[word + WORD.ROWS] = head.rows;
    u32[word + WORD.QUEUE_US] = micros(head.queue_us);
    u32[word + WORD.COMPUTE_US] = micros(head.compute_us);
    u32[word + WORD.TOTAL_US] = micros(head.total_us);
    f32[word + WORD.SHARE] = head.share;
    u32[word + WORD.FLAGS] = head.flags;
    u32[word + WORD.FACE] = FACE_NAMES.indexOf(head.face);
    u32[word + WORD.NUM_WIDTH] = head.num_width;
    u32[word + WORD.CAT_WIDTH] = head.cat_width;
    u32[word + WORD.OUTPUT_WIDTH] = head.output_width;
    u32[word + WORD.TEXT_WIDTH] = head.text_width;
    u32[word + WORD.ENTITY_KEYS] = head.entity_keys;
    u32[word + WORD.SEGMENT_SETS] = head.segment_sets;
    u32[word + WORD.SEGMENT_WIDTH] = head.segment_width;
    u32[word + WORD.SOURCE_WIDTH] = head.source_width;
    u32[word + WORD.AGE_WIDTH] = head.age_width;
    u32[word + WORD.TEXTS] = texts;
    u32.fill(0, word + WORD.TEXTS + 1, word + FIXED_BYTES / 4);
    this.#end_at = (at + FIXED_BYTES) >>> 2;
    this.#texts_at = at + FIXED_BYTES + 4 * texts;
    buffer.at = this.#texts_at;
  }

  text(value: string): void {
    const { buffer } = this;
    const { length } = value;
    buffer.ensure(3 * length);
    buffer.at = writeText(buffer.memory.u8, buffer.at, value);
    this.#endText();
  }

  /** A text that lies in memory as UTF-8 already. */
  textBytes(source: Uint8Array, from: number, to: number): void {
    const { buffer } = this;
    buffer.ensure(to - from);
    const target = buffer.memory.u8;
    let { at } = buffer;
    for (let index = from; index < to; index++) target[at++] = source[index];
    buffer.at = at;
    this.#endText();
  }

  /** Room for a part. Returns the byte where it begins in `buffer.memory`, as it is after this call. */
  part(bytes: number): number {
    const { buffer } = this;
    buffer.align();
    buffer.ensure(bytes);
    const { at } = buffer;
    buffer.at = at + bytes;
    return at;
  }

  #endText(): void {
    this.buffer.memory.u32[this.#end_at++] = this.buffer.at - this.#texts_at;
  }
}

/** Longer texts are quicker in native code, shorter ones here. */
const SHORT_TEXT = 48;

function writeText(target: Uint8Array, start: number, value: string): number {
  if (value.length > SHORT_TEXT) return start + nativeText(target, start, value);
  let at = start;
  for (let index = 0; index < value.length; index++) {
    const code = value.charCodeAt(index);
    if (code >= 0x80) return start + nativeText(target, start, value);
    target[at++] = code;
  }
  return at;
}

function nativeText(target: Uint8Array, at: number, value: string): number {
  return Buffer.from(target.buffer, target.byteOffset, target.byteLength).write(value, at);
}

function micros(value_us: number): number {
  return Math.min(MOST_U32, Math.max(0, Math.round(value_us)));
}

/** The layout that a record refers to. */
export function layoutIdOf(memory: SlabViews, at: number): number {
  return memory.u32[(at >>> 2) + WORD.LAYOUT];
}

/**
 * Points `into` at the record whose payload of `bytes` begins at `at`, a multiple of 8. Returns false where the parts do not add up to
 * the payload: then it was written by another program, and its checksum says nothing about that.
 */
export function decodePrediction(
  into: LoggedPrediction,
  memory: SlabViews,
  at: number,
  bytes: number,
  layout: RecordLayout,
): boolean {
  if (bytes < FIXED_BYTES) return false;
  into.layout = layout;
  const flags = into.readFixed(memory, at);
  const { rows } = into;
  let text = TEXT.FIRST_OTHER;
  into.first_entity_key = text;
  text += into.entity_keys;
  into.first_segment = text;
  text += into.segment_sets * into.segment_width;
  into.first_cat = text;
  text += rows * into.cat_width;
  into.first_class_text = (flags & FLAG.CLASS_TEXTS) === 0 ? -1 : text;
  if (into.first_class_text >= 0) text += rows;
  into.first_output_text = text;
  text += rows * into.text_width;
  into.first_source = text;
  text += rows * into.source_width;
  if (text !== into.texts) return false;
  into.text_ends_at = (at + FIXED_BYTES) >>> 2;
  into.text_bytes_at = at + FIXED_BYTES + 4 * text;
  if (into.text_bytes_at > at + bytes) return false;
  let next = aligned(into.text_bytes_at + memory.u32[into.text_ends_at + text - 1]);
  const part = (length: number): number => {
    const begin = next;
    next = aligned(begin + length);
    return begin;
  };
  into.scores_at = (flags & FLAG.SCORES) === 0 ? -1 : part(8 * rows) >>> 3;
  const num = part((into.num_double ? 8 : 4) * rows * into.num_width);
  into.num_at = num >>> (into.num_double ? 3 : 2);
  const output = part((into.output_double ? 8 : 4) * rows * into.output_width);
  into.output_at = output >>> (into.output_double ? 3 : 2);
  into.class_indexes_at = (flags & FLAG.CLASS_INDEXES) === 0 ? -1 : part(4 * rows) >>> 2;
  into.digests_at = (flags & FLAG.DIGESTS) === 0 ? -1 : part(DIGEST_BYTES * rows);
  into.ages_at = part(4 * rows * into.age_width) >>> 2;
  return next === aligned(at + bytes);
}

export function encodeLayout(buffer: FrameBuffer, layout: RecordLayout): void {
  const text = Buffer.from(JSON.stringify(layout), 'utf8');
  buffer.open();
  buffer.ensure(text.length);
  buffer.memory.u8.set(text, buffer.at);
  buffer.at += text.length;
}

/** undefined where the text is no layout: written by another program. */
export function decodeLayout(memory: SlabViews, at: number, bytes: number): RecordLayout | undefined {
  const text = Buffer.from(memory.u8.subarray(at, at + bytes)).toString('utf8');
  try {
    const parsed = RecordLayoutSchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}

export function emptyPrediction(memory: SlabViews): LoggedPrediction {
  const layout = {
    model: '',
    version: 0,
    features: [],
    outputs: [],
    output_texts: [],
    classes: [],
    score: 'none',
    task: 'none',
    positive_class: '',
    inputs: 'kept',
  } as const;
  return new LoggedPrediction(memory, { id: 0, layout, segments: [] });
}
