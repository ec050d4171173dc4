import { z } from 'zod';
import { type LogLayout, TASKS } from '../../contract/prediction-record.js';
import type { SlabViews } from '../codec/slab-views.js';
import { DOUBLE, FACE_NAMES, FLAG, type LoggedFace, TEXT, WORD } from './record-format.js';

/** What the records of one version need beside themselves; repeated in each segment before the first record that refers to it. */
export interface RecordLayout {
  /** What records refer to: unique within an epoch. */
  readonly id: number;
  readonly layout: LogLayout;
  /** Names of the segments whose values the records carry, in their order. */
  readonly segments: readonly string[];
}

const LogLayoutSchema: z.ZodType<LogLayout> = z.object({
  model: z.string(),
  version: z.int().nonnegative(),
  features: z.array(
    z.object({
      name: z.string(),
      kind: z.enum(['numeric', 'categorical']),
      input: z.string(),
      element: z.int().nonnegative(),
      privacy: z.enum(['plain', 'hashed', 'redacted']),
    }),
  ),
  outputs: z.array(z.string()),
  output_texts: z.array(z.string()),
  classes: z.array(z.string()),
  score: z.enum(['probability', 'value', 'none']),
  // Segments of before there were labels do not say.
  task: z.enum(TASKS).default('none'),
  positive_class: z.string().default(''),
  inputs: z.enum(['kept', 'digest']),
});

export const RecordLayoutSchema: z.ZodType<RecordLayout> = z.object({
  id: z.int().nonnegative(),
  layout: LogLayoutSchema,
  segments: z.array(z.string()),
});

/**
 * One request of the log, seen in the memory that it was read into: nothing is copied, and one object serves every record. Names that end
 * with `_at` are offsets into `memory`: bytes for `u8`, and the index of the first element for what lies in typed arrays. Valid until the
 * reader goes on.
 */
export class LoggedPrediction {
  memory: SlabViews;
  layout: RecordLayout;
  seq = 0;
  /** Microseconds since 1970, when the request arrived. */
  ts_us = 0;
  rows = 0;
  queue_us = 0;
  compute_us = 0;
  total_us = 0;
  share = 1;
  face: LoggedFace = 'http';

  /** Numeric features: `rows × num_width` elements of `memory.f32` or `memory.f64`, row by row. Width 0: none, or digests instead. */
  num_width = 0;
  num_double = false;
  num_at = 0;
  output_width = 0;
  output_double = false;
  output_at = 0;
  /** A score for each row in `memory.f64`; -1: none. */
  scores_at = -1;
  /** Classes as indexes into `layout.layout.classes`, in `memory.u32`, NO_CLASS where there is none; -1: see `class_text`. */
  class_indexes_at = -1;
  /** 32 bytes for each row in `memory.u8`; -1: none. */
  digests_at = -1;
  /** Ages in milliseconds, `rows × age_width` of `memory.u32`. */
  age_width = 0;
  ages_at = 0;

  /**
   * Texts are numbered: see TEXT for the first ones, and below for where the others begin. Text `i` lies in `memory.u8` from `textStart(i)`
   * to `textEnd(i)`.
   */
  texts = 0;
  text_ends_at = 0;
  text_bytes_at = 0;
  /** 0: nobody; 1: one for all rows; else one for each row. */
  entity_keys = 0;
  first_entity_key = 0;
  /** 0, 1 or `rows` sets of as many values as the layout has segments. */
  segment_sets = 0;
  segment_width = 0;
  first_segment = 0;
  /** Categorical features, `rows × cat_width`. */
  cat_width = 0;
  first_cat = 0;
  /** Classes as text, one a row; -1: none, or indexes. */
  first_class_text = -1;
  /** BYTES outputs, `rows × text_width`. */
  text_width = 0;
  first_output_text = 0;
  source_width = 0;
  first_source = 0;

  constructor(memory: SlabViews, layout: RecordLayout) {
    this.memory = memory;
    this.layout = layout;
  }

  textStart(text: number): number {
    return this.text_bytes_at + (text === 0 ? 0 : this.memory.u32[this.text_ends_at + text - 1]);
  }

  textEnd(text: number): number {
    return this.text_bytes_at + this.memory.u32[this.text_ends_at + text];
  }

  text(text: number): string {
    return Buffer.from(this.memory.u8.subarray(this.textStart(text), this.textEnd(text))).toString('utf8');
  }

  get request_id(): string {
    return this.text(TEXT.REQUEST_ID);
  }

  get trace_id(): string {
    return this.text(TEXT.TRACE_ID);
  }

  /** 'ok', or the code of the error. */
  get outcome(): string {
    return this.text(TEXT.OUTCOME);
  }

  get variant(): string {
    return this.text(TEXT.VARIANT);
  }

  /** Text that holds the entity key of a row; -1: none. */
  entityKeyOf(row: number): number {
    if (this.entity_keys === 0) return -1;
    return this.first_entity_key + (this.entity_keys === 1 ? 0 : row);
  }

  /** First of the `segment_width` texts of a row; -1: none. An empty text is a segment that was not given. */
  segmentsOf(row: number): number {
    if (this.segment_sets === 0) return -1;
    return this.first_segment + (this.segment_sets === 1 ? 0 : row * this.segment_width);
  }

  /** For people and tests; whoever is in a hurry reads `memory`. */
  num(row: number): number[] {
    return this.#numbers(this.num_at, this.num_width, this.num_double, row);
  }

  output(row: number): number[] {
    return this.#numbers(this.output_at, this.output_width, this.output_double, row);
  }

  score(row: number): number {
    return this.scores_at < 0 ? Number.NaN : this.memory.f64[this.scores_at + row];
  }

  class(row: number): string {
    if (this.class_indexes_at >= 0) {
      return this.layout.layout.classes[this.memory.u32[this.class_indexes_at + row]] ?? '';
    }
    return this.first_class_text < 0 ? '' : this.text(this.first_class_text + row);
  }

  #numbers(at: number, width: number, double: boolean, row: number): number[] {
    const { f32, f64 } = this.memory;
    const from = at + row * width;
    return Array.from((double ? f64 : f32).subarray(from, from + width));
  }

  /** The numbers of the fixed part; the parts behind it are found by `decodePrediction`. */
  readFixed(memory: SlabViews, at: number): number {
    const { u32, f32, f64 } = memory;
    const word = at >>> 2;
    this.memory = memory;
    this.seq = f64[(at >>> 3) + DOUBLE.SEQ];
    this.ts_us = f64[(at >>> 3) + DOUBLE.TS_US];
    this.rows = u32[word + WORD.ROWS];
    this.queue_us = u32[word + WORD.QUEUE_US];
    this.compute_us = u32[word + WORD.COMPUTE_US];
    this.total_us = u32[word + WORD.TOTAL_US];
    this.share = f32[word + WORD.SHARE];
    this.face = FACE_NAMES[u32[word + WORD.FACE]] ?? 'http';
    this.num_width = u32[word + WORD.NUM_WIDTH];
    this.cat_width = u32[word + WORD.CAT_WIDTH];
    this.output_width = u32[word + WORD.OUTPUT_WIDTH];
    this.text_width = u32[word + WORD.TEXT_WIDTH];
    this.entity_keys = u32[word + WORD.ENTITY_KEYS];
    this.segment_sets = u32[word + WORD.SEGMENT_SETS];
    this.segment_width = u32[word + WORD.SEGMENT_WIDTH];
    this.source_width = u32[word + WORD.SOURCE_WIDTH];
    this.age_width = u32[word + WORD.AGE_WIDTH];
    this.texts = u32[word + WORD.TEXTS];
    const flags = u32[word + WORD.FLAGS];
    this.num_double = (flags & FLAG.NUM_DOUBLE) !== 0;
    this.output_double = (flags & FLAG.OUTPUT_DOUBLE) !== 0;
    return flags;
  }
}
