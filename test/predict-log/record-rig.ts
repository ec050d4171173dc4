import fc from 'fast-check';
import { FRAME_KIND } from '../../runtime/predict-log/frame.js';
import { FrameBuffer } from '../../runtime/predict-log/frame-buffer.js';
import type { LoggedPrediction, RecordLayout } from '../../runtime/predict-log/logged-prediction.js';
import { encodeLayout, RecordWriter } from '../../runtime/predict-log/record-codec.js';
import { DIGEST_BYTES, FLAG } from '../../runtime/predict-log/record-format.js';
import { encodeHeader, type SegmentHeader } from '../../runtime/predict-log/segment-file.js';

/** A record as plain values: what goes in, and what comes out again. */
export interface PlainRecord {
  readonly seq: number;
  readonly ts_us: number;
  readonly times: readonly [queue_us: number, compute_us: number, total_us: number];
  readonly face: 'http' | 'websocket';
  readonly request_id: string;
  readonly trace_id: string;
  readonly outcome: string;
  readonly variant: string;
  readonly entity_keys: readonly string[];
  readonly segments: readonly (readonly string[])[];
  readonly num_double: boolean;
  readonly num: readonly (readonly number[])[];
  readonly cat: readonly (readonly string[])[];
  readonly output: readonly (readonly number[])[];
  readonly output_text: readonly (readonly string[])[];
  readonly scores: readonly number[] | undefined;
  readonly classes: readonly string[] | readonly number[] | undefined;
  readonly digests: readonly Uint8Array[] | undefined;
  readonly rows: number;
}

export const TEST_LAYOUT: RecordLayout = {
  id: 7,
  segments: ['region', 'device'],
  layout: {
    model: 'wide',
    version: 3,
    features: [{ name: 'x[0]', kind: 'numeric', input: 'x', element: 0, privacy: 'plain' }],
    outputs: ['y'],
    output_texts: [],
    classes: ['no', 'yes', 'perhaps'],
    score: 'probability',
    task: 'multiclass',
    positive_class: '',
    inputs: 'kept',
  },
};

const wild = fc.double({ noDefaultInfinity: false });
const word = fc.string({ maxLength: 60, unit: 'grapheme' });

export const records: fc.Arbitrary<PlainRecord> = fc
  .record({ rows: fc.integer({ min: 1, max: 4 }), num_double: fc.boolean(), width: fc.integer({ min: 0, max: 5 }) })
  .chain(({ rows, num_double, width }) => {
    const each = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T[]> =>
      fc.array(value, { minLength: rows, maxLength: rows });
    const exactly = <T>(value: fc.Arbitrary<T>, count: number) =>
      fc.array(value, { minLength: count, maxLength: count });
    const number = num_double ? wild : wild.map(Math.fround);
    const us = fc.nat(0xffffffff);
    return fc.record(
      {
        rows: fc.constant(rows),
        seq: fc.maxSafeNat(),
        ts_us: fc.maxSafeNat(),
        times: fc.tuple(us, us, us),
        face: fc.constantFrom('http', 'websocket'),
        request_id: word,
        trace_id: word,
        outcome: fc.constantFrom('ok', 'QUEUE_FULL'),
        variant: fc.constant('champion'),
        entity_keys: fc.oneof(fc.constant<string[]>([]), exactly(word, 1), each(word)),
        segments: fc.oneof(fc.constant<string[][]>([]), each(exactly(word, 2))),
        num_double: fc.constant(num_double),
        num: each(exactly(number, width)),
        cat: each(exactly(word, width % 3)),
        output: each(exactly(number, width % 4)),
        output_text: each(exactly(word, width % 2)),
        scores: fc.option(each(wild), { nil: undefined }),
        classes: fc.oneof(fc.constant(undefined), each(word), each(fc.nat(2))),
        digests: fc.option(each(fc.uint8Array({ minLength: DIGEST_BYTES, maxLength: DIGEST_BYTES })), {
          nil: undefined,
        }),
      },
      { noNullPrototype: true },
    );
  });

function headOf(record: PlainRecord) {
  const texts = typeof record.classes?.[0] === 'string';
  return {
    layout_id: TEST_LAYOUT.id,
    seq: record.seq,
    ts_us: record.ts_us,
    rows: record.rows,
    queue_us: record.times[0],
    compute_us: record.times[1],
    total_us: record.times[2],
    share: 0.5,
    face: record.face,
    num_width: record.num[0].length,
    cat_width: record.cat[0].length,
    output_width: record.output[0].length,
    text_width: record.output_text[0].length,
    entity_keys: record.entity_keys.length,
    segment_sets: record.segments.length,
    segment_width: record.segments[0]?.length ?? 0,
    source_width: 0,
    age_width: 0,
    flags:
      (record.num_double ? FLAG.NUM_DOUBLE | FLAG.OUTPUT_DOUBLE : 0) |
      (record.scores === undefined ? 0 : FLAG.SCORES) |
      (record.classes === undefined ? 0 : texts ? FLAG.CLASS_TEXTS : FLAG.CLASS_INDEXES) |
      (record.digests === undefined ? 0 : FLAG.DIGESTS),
  };
}

/** Writes the record into the open frame of `buffer`; the caller seals it. */
export function encodeRecord(buffer: FrameBuffer, record: PlainRecord): void {
  const writer = new RecordWriter(buffer);
  const classes = record.classes ?? [];
  const classTexts = classes.filter((each) => typeof each === 'string');
  const indexes = classes.filter((each) => typeof each === 'number');
  writer.begin(headOf(record));
  const { request_id, trace_id, outcome, variant } = record;
  const others = [...record.entity_keys, ...record.segments.flat(), ...record.cat.flat(), ...classTexts];
  for (const text of [request_id, trace_id, outcome, variant, ...others]) writer.text(text);
  for (const text of record.output_text.flat()) writer.text(text);
  const doubles = (values: readonly number[]) => {
    const at = writer.part(8 * values.length) >>> 3;
    buffer.memory.f64.set(values, at);
  };
  const numbers = (values: readonly number[]) => {
    if (record.num_double) return doubles(values);
    const at = writer.part(4 * values.length) >>> 2;
    buffer.memory.f32.set(values, at);
  };
  if (record.scores !== undefined) doubles(record.scores);
  numbers(record.num.flat());
  numbers(record.output.flat());
  if (indexes.length > 0) {
    const at = writer.part(4 * indexes.length) >>> 2;
    buffer.memory.u32.set(indexes, at);
  }
  if (record.digests !== undefined) {
    const at = writer.part(DIGEST_BYTES * record.rows);
    for (const [row, digest] of record.digests.entries()) buffer.memory.u8.set(digest, at + row * DIGEST_BYTES);
  }
}

export function plainOf(found: LoggedPrediction): PlainRecord {
  const rows = Array.from({ length: found.rows }, (_, row) => row);
  const texts = (first: number, width: number) =>
    rows.map((row) => Array.from({ length: width }, (_, index) => found.text(first + row * width + index)));
  const { classes } = found.layout.layout;
  const indexed = () => rows.map((row) => classes.indexOf(found.class(row)));
  return {
    rows: found.rows,
    seq: found.seq,
    ts_us: found.ts_us,
    times: [found.queue_us, found.compute_us, found.total_us],
    face: found.face,
    request_id: found.request_id,
    trace_id: found.trace_id,
    outcome: found.outcome,
    variant: found.variant,
    entity_keys: Array.from({ length: found.entity_keys }, (_, row) => found.text(found.entityKeyOf(row))),
    segments: Array.from({ length: found.segment_sets }, (_, row) =>
      Array.from({ length: found.segment_width }, (_, index) => found.text(found.segmentsOf(row) + index)),
    ),
    num_double: found.num_double,
    num: rows.map((row) => found.num(row)),
    cat: texts(found.first_cat, found.cat_width),
    output: rows.map((row) => found.output(row)),
    output_text: texts(found.first_output_text, found.text_width),
    scores: found.scores_at < 0 ? undefined : rows.map((row) => found.score(row)),
    classes:
      found.class_indexes_at >= 0
        ? indexed()
        : found.first_class_text < 0
          ? undefined
          : rows.map((row) => found.class(row)),
    digests:
      found.digests_at < 0
        ? undefined
        : rows.map((row) => {
            const at = found.digests_at + row * DIGEST_BYTES;
            return found.memory.u8.slice(at, at + DIGEST_BYTES);
          }),
  };
}

export const TEST_HEADER: SegmentHeader = { node: 'edge-1', epoch: 1_790_000_000_000_000, number: 1, salt: 0x1234567 };

export interface PlainSegment {
  readonly bytes: Buffer;
  /** Where each record ends. */
  readonly ends: readonly number[];
  /** Where the header ends, and the layout behind it. */
  readonly head: readonly [header: number, layout: number];
}

/** The bytes of a segment with these records. */
export function segmentOf(given: readonly PlainRecord[]): PlainSegment {
  const header = encodeHeader(TEST_HEADER);
  const buffer = new FrameBuffer();
  encodeLayout(buffer, TEST_LAYOUT);
  const layout = header.length + buffer.seal(FRAME_KIND.LAYOUT, TEST_HEADER.salt);
  const ends: number[] = [];
  for (const record of given) {
    encodeRecord(buffer, record);
    buffer.seal(FRAME_KIND.PREDICTION, TEST_HEADER.salt);
    ends.push(header.length + buffer.used_bytes);
  }
  const bytes = Buffer.concat([header, buffer.memory.u8.subarray(0, buffer.used_bytes)]);
  return { bytes, ends, head: [header.length, layout] };
}
