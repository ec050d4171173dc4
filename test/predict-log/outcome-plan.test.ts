import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Datatype } from '../../contract/datatype.js';
import { LogPolicySchema } from '../../contract/log-policy.js';
import type { TensorSpec } from '../../contract/signature.js';
import { SlabViews } from '../../runtime/codec/slab-views.js';
import { FRAME_HEADER_BYTES } from '../../runtime/predict-log/frame.js';
import { FrameBuffer } from '../../runtime/predict-log/frame-buffer.js';
import { OutcomeCapture } from '../../runtime/predict-log/outcome-capture.js';
import { MOST_OUTPUT_VALUES, type OutcomePlan, planOutcome } from '../../runtime/predict-log/outcome-plan.js';
import { RecordWriter } from '../../runtime/predict-log/record-codec.js';
import { NO_CLASS } from '../../runtime/predict-log/record-format.js';

type Output = readonly [name: string, datatype: Datatype, ...shape: number[]];

function plan(
  outputs: readonly Output[],
  labels: Readonly<Record<string, readonly string[]>> = {},
  policy: object = {},
): OutcomePlan {
  const specs = outputs.map(
    ([name, datatype, ...shape]): TensorSpec => ({ name, datatype, shape: [-1, ...shape], symbols: [] }),
  );
  return planOutcome(specs, true, LogPolicySchema.parse(policy), labels);
}

const NONE = { kind: 'none' };
const element = (output: number, index: number) => ({ kind: 'element', output, element: index });

const YES = { p: ['no', 'yes'] };

/** What is tried, its plan, and the rules that it should have. */
const TABLE: readonly [string, OutcomePlan, score: object, klass: object, scored: string, task: string][] = [
  [
    'two labels',
    plan([['p', 'FP32', 2]], YES),
    element(0, 1),
    { kind: 'greatest', output: 0 },
    'probability',
    'binary',
  ],
  [
    'one probability of two',
    plan([['p', 'FP32', 1]], YES),
    element(0, 0),
    { kind: 'half', output: 0 },
    'probability',
    'binary',
  ],
  ['a value', plan([['y', 'FP64', 1]]), element(0, 0), NONE, 'value', 'regression'],
  ['a value without dimensions', plan([['y', 'FP16']]), element(0, 0), NONE, 'value', 'regression'],
  ['a vector', plan([['y', 'FP32', 3]]), NONE, NONE, 'none', 'none'],
  [
    'two values',
    plan([
      ['a', 'FP32', 1],
      ['b', 'FP32', 1],
    ]),
    NONE,
    NONE,
    'none',
    'none',
  ],
  [
    'a label and probabilities',
    plan([
      ['label', 'INT64'],
      ['probabilities', 'FP32', 2],
    ]),
    element(1, 1),
    { kind: 'text', output: 0 },
    'probability',
    'binary',
  ],
  [
    'a label and many',
    plan([
      ['output_label', 'BYTES'],
      ['output_probability', 'FP32', 5],
    ]),
    { kind: 'greatest', output: 1 },
    { kind: 'text', output: 0 },
    'probability',
    'multiclass',
  ],
  [
    'labels of a number',
    plan([['y', 'INT32', 1]], { y: ['a', 'b', 'c'] }),
    NONE,
    { kind: 'index', output: 0 },
    'none',
    'multiclass',
  ],
  ['a number of another name', plan([['count', 'INT64', 1]]), NONE, NONE, 'none', 'none'],
  ['labels that do not fit', plan([['p', 'FP32', 3]], YES), NONE, NONE, 'none', 'none'],
  ['too large', plan([['p', 'FP32', MOST_OUTPUT_VALUES + 1]]), NONE, NONE, 'none', 'none'],
  ['varying', plan([['p', 'FP32', -1]]), NONE, NONE, 'none', 'none'],
  [
    'said',
    plan(
      [
        ['a', 'FP32', 2],
        ['kind', 'BYTES', 1],
      ],
      {},
      { score: { output: 'a' }, class: { output: 'kind' } },
    ),
    element(0, 0),
    { kind: 'text', output: 1 },
    'probability',
    'binary',
  ],
];

test('the class of a binary score is named where it can be', () => {
  assert.equal(plan([['p', 'FP32', 2]], YES).positive_class, 'yes');
  assert.equal(plan([['p', 'FP32', 2]], YES, { positive_class: 'no' }).positive_class, 'no');
  assert.equal(plan([['p', 'FP32', 1]], YES).positive_class, 'yes');
  assert.equal(plan([['probability', 'FP32', 1]]).positive_class, '', 'nobody named it');
  assert.equal(plan([['p', 'FP32', 3]], { p: ['a', 'b', 'c'] }).positive_class, '', 'the score is of no one class');
});

test('score and class follow from names, types, sizes and labels of the outputs', () => {
  for (const [what, { score, class: found, scored, task }, wantedScore, wantedClass, wantedKind, wantedTask] of TABLE) {
    assert.deepEqual([score, found, scored, task], [wantedScore, wantedClass, wantedKind, wantedTask], what);
  }
  const names = plan([
    ['a', 'FP32', 2],
    ['t', 'BYTES', 2],
    ['big', 'FP32', MOST_OUTPUT_VALUES],
    ['b', 'BOOL', 1],
  ]);
  assert.deepEqual(names.output_names, ['a[0]', 'a[1]', 'b']);
  assert.deepEqual(names.text_names, ['t[0]', 't[1]']);
  assert.throws(() => plan([['p', 'FP32', 1]], YES, { positive_class: 'no' }), /probability of 'yes', the second/);
  assert.throws(() => plan([['p', 'FP32', 2]], YES, { positive_class: 'yess' }), /did you mean 'yes'/);
});

/** Scores and classes of answers in one output of floats. */
function captured(
  width: number,
  labels: readonly string[],
  values: readonly number[],
): { scores: number[]; classes: number[] } {
  const rows = values.length / width;
  const capture = new OutcomeCapture(plan([['p', 'FP32', width]], { p: labels }));
  const memory = new SlabViews(new ArrayBuffer(1024));
  memory.f32.set(values, 16);
  const bytes = memory.u8.subarray(64, 64 + 4 * values.length);
  const outputs = { memory, tensors: [{ name: 'p', datatype: 'FP32', shape: [rows, width], bytes }], rows } as const;
  assert.equal(capture.fits(outputs), true);
  assert.equal(capture.fits({ ...outputs, rows: rows + 1 }), false, 'a file that is wrong about its shapes');
  const buffer = new FrameBuffer();
  const writer = new RecordWriter(buffer);
  capture.writeScores(writer, outputs);
  const second = buffer.at;
  capture.writeClassIndexes(writer, outputs);
  const at = FRAME_HEADER_BYTES / 8;
  return {
    scores: Array.from(buffer.memory.f64.subarray(at, at + rows)),
    classes: Array.from(buffer.memory.u32.subarray(((second + 7) & ~7) / 4, ((second + 7) & ~7) / 4 + rows)),
  };
}

test('the first of the greatest wins, what is no number never does, and half is the first class', () => {
  const three = ['a', 'b', 'c'];
  const { NaN: nan } = Number;
  assert.deepEqual(captured(3, three, [0.25, 0.5, 0.5, nan, 0.25, nan, nan, nan, nan]), {
    scores: [0.5, 0.25, nan],
    classes: [1, 1, NO_CLASS],
  });
  assert.deepEqual(captured(1, ['no', 'yes'], [0.5, 0.75, 0, nan]), {
    scores: [0.5, 0.75, 0, nan],
    classes: [0, 1, 0, NO_CLASS],
  });
});
