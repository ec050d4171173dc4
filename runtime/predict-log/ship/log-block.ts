import { NativeBlock } from '../../../clickhouse/native/block.js';
import type { Column } from '../../../clickhouse/native/column.js';
import { ArrayColumn, MapColumn } from '../../../clickhouse/native/nested-columns.js';
import {
  Float32Column,
  Float64Column,
  UInt16Column,
  UInt32Column,
  WholeColumn,
} from '../../../clickhouse/native/number-columns.js';
import { StringColumn } from '../../../clickhouse/native/string-column.js';
import { LOG_COLUMNS, type LogColumnName } from '../../../contract/prediction-record.js';
import type { LoggedPrediction, RecordLayout } from '../logged-prediction.js';
import { DIGEST_BYTES, NO_CLASS, TEXT } from '../record-format.js';
import type { Binning } from './binning.js';
import { NO_BINNING } from './binning.js';
import { appendBins } from './bins.js';

const HEX = Buffer.from('0123456789abcdef', 'latin1');
const OK = Buffer.from('ok', 'latin1');

/** What the rows of one layout share. */
interface LayoutBytes {
  readonly model: Buffer;
  readonly segments: readonly Buffer[];
  readonly classes: readonly Buffer[];
}

function columns() {
  return {
    ts: new WholeColumn("DateTime64(6, 'UTC')"),
    node: new StringColumn(),
    epoch: new WholeColumn('UInt64'),
    seq: new WholeColumn('UInt64'),
    row_idx: new UInt32Column(),
    request_id: new StringColumn(),
    trace_id: new StringColumn(),
    model: new StringColumn(),
    version: new UInt32Column(),
    variant: new StringColumn(),
    face: new StringColumn(),
    outcome: new StringColumn(),
    entity_key: new StringColumn(),
    segment: new MapColumn(),
    num: new ArrayColumn(new Float64Column()),
    cat: new ArrayColumn(new StringColumn()),
    input_digest: new StringColumn(),
    feature_age_ms: new ArrayColumn(new UInt32Column()),
    feature_source: new ArrayColumn(new StringColumn()),
    output: new ArrayColumn(new Float64Column()),
    output_text: new ArrayColumn(new StringColumn()),
    score: new Float64Column(),
    class: new StringColumn(),
    spec_id: new WholeColumn('UInt64'),
    bins: new ArrayColumn(new UInt16Column()),
    queue_us: new UInt32Column(),
    compute_us: new UInt32Column(),
    total_us: new UInt32Column(),
    share: new Float32Column(),
  } satisfies Record<LogColumnName, Column>;
}

/** Rows of `inference_log` as one block, made from records of the spool without an object for any value. */
export class LogBlock {
  readonly #columns = columns();
  readonly #block = new NativeBlock(LOG_COLUMNS.map(({ name }) => [name, this.#columns[name]]));
  readonly #layouts = new WeakMap<RecordLayout, LayoutBytes>();
  readonly #digest = Buffer.alloc(2 * DIGEST_BYTES);
  #node: Buffer = Buffer.alloc(0);
  #epoch = 0;

  get rows(): number {
    return this.#block.rows;
  }

  get bytes(): number {
    return this.#block.bytes;
  }

  /** Empties it for rows of one life of a node. */
  begin(node: string, epoch: number): void {
    this.#block.clear();
    this.#node = Buffer.from(node, 'utf8');
    this.#epoch = epoch;
  }

  /** Valid until the next change. */
  encode(): Uint8Array[] {
    return this.#block.encode();
  }

  /** Adds the rows [from, to) of a record. Throws RangeError for one that Native cannot say; the block is of no use then, until `begin`. */
  append(found: LoggedPrediction, from: number, to: number, binning: Binning): void {
    assertWhole('ts_us', found.ts_us);
    assertWhole('seq', found.seq);
    const layout = this.#layoutBytes(found.layout);
    const rows = to - from;
    this.#request(found, rows, layout);
    this.#times(found, from, rows);
    this.#entities(found, from, to);
    this.#segments(found, from, to, layout);
    this.#features(found, from, to);
    this.#outputs(found, from, to, layout);
    const isAnswer = isText(found, TEXT.OUTCOME, OK);
    const { spec_id, bins } = this.#columns;
    const used = isAnswer ? binning : NO_BINNING;
    for (let row = from; row < to; row++) spec_id.push(used.spec_id);
    appendBins(bins.items, found, from, to, used);
    bins.endEach(rows, used.features.length);
  }

  /** Texts that are the same for every row of the request. */
  #request(found: LoggedPrediction, rows: number, layout: LayoutBytes): void {
    const c = this.#columns;
    c.node.pushBytes(this.#node, 0, this.#node.length);
    pushText(c.request_id, found, TEXT.REQUEST_ID);
    pushText(c.trace_id, found, TEXT.TRACE_ID);
    c.model.pushBytes(layout.model, 0, layout.model.length);
    pushText(c.variant, found, TEXT.VARIANT);
    c.face.push(found.face);
    pushText(c.outcome, found, TEXT.OUTCOME);
    if (rows === 1) return;
    for (const column of [c.node, c.request_id, c.trace_id, c.model, c.variant, c.face, c.outcome])
      column.repeat(rows - 1);
  }

  #times(found: LoggedPrediction, from: number, rows: number): void {
    const c = this.#columns;
    const { version } = found.layout.layout;
    for (let row = 0; row < rows; row++) {
      c.ts.push(found.ts_us);
      c.epoch.push(this.#epoch);
      c.seq.push(found.seq);
      c.row_idx.push(from + row);
      c.version.push(version);
      c.queue_us.push(found.queue_us);
      c.compute_us.push(found.compute_us);
      c.total_us.push(found.total_us);
      c.share.push(found.share);
    }
  }

  #entities(found: LoggedPrediction, from: number, to: number): void {
    const { entity_key } = this.#columns;
    for (let row = from; row < to; row++) {
      const text = found.entityKeyOf(row);
      if (text < 0) entity_key.pushBytes(OK, 0, 0);
      else pushText(entity_key, found, text);
    }
  }

  #segments(found: LoggedPrediction, from: number, to: number, { segments }: LayoutBytes): void {
    const { segment } = this.#columns;
    for (let row = from; row < to; row++) {
      const first = found.segmentsOf(row);
      for (let index = 0; first >= 0 && index < found.segment_width; index++) {
        if (found.textEnd(first + index) === found.textStart(first + index)) continue;
        segment.keys.pushBytes(segments[index], 0, segments[index].length);
        pushText(segment.values, found, first + index);
      }
      segment.end();
    }
  }

  #features(found: LoggedPrediction, from: number, to: number): void {
    const { num, cat, feature_age_ms, feature_source, input_digest } = this.#columns;
    const { f32, f64, u32 } = found.memory;
    const rows = to - from;
    if (found.num_double) copyDoubles(num.items, f64, found.num_at + from * found.num_width, rows * found.num_width);
    else copyFloats(num.items, f32, found.num_at + from * found.num_width, rows * found.num_width);
    num.endEach(rows, found.num_width);
    pushTexts(cat, found, found.first_cat, found.cat_width, from, to);
    pushTexts(feature_source, found, found.first_source, found.source_width, from, to);
    const ages = rows * found.age_width;
    const at = feature_age_ms.items.room(ages);
    const first = found.ages_at + from * found.age_width;
    for (let index = 0; index < ages; index++) feature_age_ms.items.values[at + index] = u32[first + index];
    feature_age_ms.endEach(rows, found.age_width);
    for (let row = from; row < to; row++) {
      if (found.digests_at < 0) input_digest.pushBytes(OK, 0, 0);
      else {
        writeHex(this.#digest, found.memory.u8, found.digests_at + row * DIGEST_BYTES);
        input_digest.pushBytes(this.#digest, 0, this.#digest.length);
      }
    }
  }

  #outputs(found: LoggedPrediction, from: number, to: number, { classes }: LayoutBytes): void {
    const { output, output_text, score, class: label } = this.#columns;
    const { f32, f64, u32 } = found.memory;
    const rows = to - from;
    const first = found.output_at + from * found.output_width;
    if (found.output_double) copyDoubles(output.items, f64, first, rows * found.output_width);
    else copyFloats(output.items, f32, first, rows * found.output_width);
    output.endEach(rows, found.output_width);
    pushTexts(output_text, found, found.first_output_text, found.text_width, from, to);
    for (let row = from; row < to; row++) {
      score.push(found.scores_at < 0 ? Number.NaN : f64[found.scores_at + row]);
      if (found.class_indexes_at >= 0) {
        const index = u32[found.class_indexes_at + row];
        const name = index === NO_CLASS || index >= classes.length ? undefined : classes[index];
        if (name === undefined) label.pushBytes(OK, 0, 0);
        else label.pushBytes(name, 0, name.length);
      } else if (found.first_class_text >= 0) pushText(label, found, found.first_class_text + row);
      else label.pushBytes(OK, 0, 0);
    }
  }

  #layoutBytes(layout: RecordLayout): LayoutBytes {
    const known = this.#layouts.get(layout);
    if (known !== undefined) return known;
    const bytes = (text: string) => Buffer.from(text, 'utf8');
    const made = {
      model: bytes(layout.layout.model),
      segments: layout.segments.map(bytes),
      classes: layout.layout.classes.map(bytes),
    };
    this.#layouts.set(layout, made);
    return made;
  }
}

function pushText(column: StringColumn, found: LoggedPrediction, text: number): void {
  const { u8 } = found.memory;
  const from = found.textStart(text);
  const to = found.textEnd(text);
  // Bytes of other records would go with this one, or a length that shifts every column behind it.
  if (!(from <= to && to <= u8.length))
    throw new RangeError(`text ${text} lies from ${from} to ${to} of ${u8.length} bytes`);
  column.pushBytes(u8, from, to);
}

/** As two words of 32 bits anything else would be another number. */
function assertWhole(what: string, value: number): void {
  if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) throw new RangeError(`${what} is ${value}`);
}

function pushTexts(
  column: ArrayColumn<StringColumn>,
  found: LoggedPrediction,
  first: number,
  width: number,
  from: number,
  to: number,
): void {
  for (let text = first + from * width; text < first + to * width; text++) pushText(column.items, found, text);
  column.endEach(to - from, width);
}

function copyFloats(column: Float64Column, source: Float32Array, from: number, count: number): void {
  const at = column.room(count);
  const { values } = column;
  for (let index = 0; index < count; index++) values[at + index] = source[from + index];
}

function copyDoubles(column: Float64Column, source: Float64Array, from: number, count: number): void {
  const at = column.room(count);
  const { values } = column;
  for (let index = 0; index < count; index++) values[at + index] = source[from + index];
}

function writeHex(target: Buffer, source: Uint8Array, from: number): void {
  for (let index = 0; index < DIGEST_BYTES; index++) {
    const byte = source[from + index];
    target[2 * index] = HEX[byte >>> 4];
    target[2 * index + 1] = HEX[byte & 15];
  }
}

function isText(found: LoggedPrediction, text: number, wanted: Buffer): boolean {
  const from = found.textStart(text);
  if (found.textEnd(text) - from !== wanted.length) return false;
  for (let index = 0; index < wanted.length; index++) if (found.memory.u8[from + index] !== wanted[index]) return false;
  return true;
}
