import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DesiredStateSchema, type DesiredVersion } from '../../../contract/desired-state.js';
import type { ObservedModel, ObservedVersion } from '../../../contract/node-status.js';
import { judgeModel, type KnownNode, PATIENCE } from '../../../control-plane/fleet/convergence.js';
import { AT_LARGE, MOST_STRIKES, quarantineStep } from '../../../control-plane/fleet/quarantine.js';

const digest = (version: number): string => `sha256:${String(version).padStart(64, '0')}`;
const wants = (version: number): Partial<DesiredVersion> => ({
  version,
  digest: digest(version),
  weight: 1,
  role: 'champion',
});
const holds = (version: number, more: Partial<ObservedVersion> = {}): ObservedVersion => ({
  version,
  digest: digest(version),
  state: 'ready',
  reason: null,
  memory_bytes: 1,
  failures: 0,
  quarantined: false,
  ...more,
});
const desired = (...versions: readonly number[]) => ({
  state: DesiredStateSchema.parse({ v: 1, epoch: 7, placements: [{ versions: versions.map(wants) }] }),
  since_ms: 0,
});
function node(observed: Partial<ObservedModel> | undefined, more: Partial<KnownNode> = {}): KnownNode {
  const model = { epoch: 7, versions: [holds(2)], serving: [2], trouble: null, ...observed };
  const models = observed === undefined ? {} : { iris: model };
  const status = {
    v: 1 as const,
    node: 'a',
    life: 1,
    seq: 1,
    at_us: 0,
    labels: {},
    memory_bytes: 9,
    memory_used_bytes: 1,
    models,
    load: [],
  };
  return { name: 'a', labels: {}, mode: 'active', status, heard_ms: 1_000, ...more };
}
function judged(known: KnownNode, now_ms = 1_000, target = desired(2)): readonly [string, string | null] {
  const [{ verdict, reason }] = judgeModel('iris', target, [known], now_ms).nodes;
  return [verdict, reason];
}

test('a node that serves what the newest epoch names has converged; the way back in memory is no difference', () => {
  assert.deepEqual(judged(node({})), ['converged', null]);
  assert.deepEqual(judged(node({ versions: [holds(2), holds(1)] })), ['converged', null]);
});

test('what is under way says how far it is, and is stuck when it takes too long', () => {
  assert.deepEqual(judged(node(undefined)), ['progressing', 'it has not begun']);
  assert.deepEqual(judged(node({ epoch: 6 })), ['progressing', 'it acts on epoch 6; the newest is 7']);
  const loading = node({ versions: [holds(1), holds(2, { state: 'loading' })], serving: [1] });
  assert.deepEqual(judged(loading), ['progressing', 'version 2 is loading']);
  const late_ms = PATIENCE.stuck_ms + 1_000;
  assert.deepEqual(judged({ ...loading, heard_ms: late_ms }, late_ms), ['failed', 'version 2 is loading, for 901 s']);
});

test('a version that failed is shown with the reason and with what serves instead', () => {
  const failed = holds(2, { state: 'failed', reason: 'not an ONNX file', failures: 3, quarantined: true });
  const [verdict, reason] = judged(node({ versions: [holds(1), failed], serving: [1] }));
  assert.equal(verdict, 'failed');
  assert.equal(reason, 'version 2 in quarantine after 3 failures: not an ONNX file; it serves version 1');
  assert.deepEqual(judged(node({ epoch: 6, trouble: 'disk full' })), ['failed', 'disk full']);
});

test('what no right agent would report is a divergence', () => {
  const cases: readonly (readonly [Partial<ObservedModel>, RegExp])[] = [
    [{ epoch: 8 }, /epoch 8; the newest is 7/],
    [{ versions: [holds(2, { digest: digest(9) })] }, /should be sha256/],
    [{ versions: [holds(2, { state: 'loading' })] }, /not ready/],
    [{ versions: [holds(2), holds(1)], serving: [1] }, /serves version 1, which epoch 7 does not name/],
  ];
  for (const [observed, reason] of cases) {
    const [verdict, said] = judged(node(observed));
    assert.equal(verdict, 'diverged');
    assert.match(said ?? '', reason);
  }
});

test('silence is unreachable, maintenance is not judged, and a node without the model is not counted', () => {
  assert.equal(judged(node({}), 1_000 + PATIENCE.silent_ms + 1)[0], 'unreachable');
  assert.equal(judged(node({}, { status: undefined }))[0], 'unreachable');
  assert.equal(judged(node({}, { mode: 'maintenance' }), 1e9)[0], 'maintenance');
  assert.deepEqual(judgeModel('iris', desired(), [node(undefined)], 1_000).nodes, []);
  assert.deepEqual(judged(node({}), 1_000, desired())[0], 'diverged');
  assert.deepEqual(judged(node({ serving: [] }), 1_000, desired())[0], 'progressing');
});

test('a model is as good as its worst node', () => {
  const nodes = [node({}), node({ epoch: 6 }, { name: 'b' }), node({}, { name: 'c', status: undefined })];
  const { verdict, counts } = judgeModel('iris', desired(2), nodes, 1_000);
  assert.equal(verdict, 'unreachable');
  assert.deepEqual([counts.converged, counts.progressing, counts.unreachable], [1, 1, 1]);
});

test('only several divergences in a row bring quarantine, each one longer, and silence ends none', () => {
  let state = AT_LARGE;
  for (let look = 1; look < MOST_STRIKES; look++) state = quarantineStep(state, 'diverged', 0);
  assert.equal(quarantineStep(state, 'converged', 0).strikes, 0);
  state = quarantineStep(state, 'diverged', 0);
  assert.equal(state.until_ms, 60_000);
  assert.equal(quarantineStep(state, 'unreachable', 90_000).until_ms, 60_000);
  assert.equal(quarantineStep(state, 'converged', 59_999).until_ms, 60_000);
  state = quarantineStep(state, 'converged', 60_000);
  assert.equal(state.until_ms, null);
  for (let look = 1; look <= MOST_STRIKES; look++) state = quarantineStep(state, 'diverged', 100_000);
  assert.equal(state.until_ms, 220_000);
});
