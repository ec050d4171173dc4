import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RolloutPolicySchema } from '../../../contract/rollout-policy.js';
import { begun, type RolloutEvent, rolloutStep } from '../../../control-plane/rollout/machine.js';
import type { RolloutNode } from '../../../control-plane/rollout/observation.js';
import type { RolloutState } from '../../../control-plane/rollout/state.js';
import { base, candidate } from '../../sim/rollout-world.js';

const metric = { name: 'errors', query: { errors: true }, rule: { above: 0.1 }, count: 2 };
const SHARE = { weight: { percent: 5 } };

function started(policy: object): RolloutState {
  const what = { name: 'r', model: 'm', candidate, policy: RolloutPolicySchema.parse(policy) };
  return begun(what, { revision: 1, epoch: 1, placements: base }, 0);
}

function told(state: RolloutState, ...events: readonly RolloutEvent[]): RolloutState {
  return events.reduce((each, event) => rolloutStep(each, event, each.step_since_ms + 1_000).state, state);
}

function looked(state: RolloutState, own: Partial<RolloutNode> = {}): RolloutState {
  const ready = [candidate.digest];
  const node = { name: 'n', labels: {}, isReachable: true, epoch: state.epoch, ready, failed: {}, ...own };
  return told(state, { type: 'observed', nodes: [node] });
}

function answered(state: RolloutState): RolloutState {
  assert.ok(state.write !== null, 'a write is under way');
  const { op, over } = state.write;
  return told(state, { type: 'written', op, revision: over + 1, epoch: state.epoch + 1 });
}

/** With 5 % on every node, and the step after that begun. */
function withShare(policy: object): RolloutState {
  const warming = answered(looked(looked(started(policy))));
  return looked(looked(answered(looked(warming))));
}

const say = (verdict: 'pass' | 'fail' | 'inconclusive' | 'error'): RolloutEvent => ({
  type: 'measured',
  metric: 'errors',
  verdict,
  because: `it is ${verdict}`,
});

test('a share is given only after every node that answers was seen with the candidate ready', () => {
  const warming = answered(looked(looked(started({ steps: [SHARE] }))));
  const weight = (state: RolloutState): number | undefined =>
    (state.write?.placements ?? state.written)[0].versions.find(({ version }) => version === 2)?.weight;
  assert.equal(weight(warming), 0);
  assert.equal(looked(warming, { ready: [] }).write, null);
  assert.equal(looked(warming, { epoch: 0 }).write, null);
  assert.equal(looked(warming, { isReachable: false }).write, null, 'a node that is silent is not seen');
  assert.equal(weight(looked(warming)), 5);
});

test('an analysis without a measurement never passes: it waits for somebody when its time is over', () => {
  const state = withShare({ steps: [SHARE, { analysis: { metrics: ['errors'], within: '1s' } }], metrics: [metric] });
  assert.equal(state.phase, 'holding');
  const waiting = looked(state);
  assert.equal(waiting.status, 'paused');
  assert.match(waiting.reason ?? '', /has not passed/);
});

test('an analysis goes on after as many good measurements as it asks for', () => {
  const state = withShare({ steps: [SHARE, { analysis: { metrics: ['errors'] } }], metrics: [metric] });
  assert.equal(looked(told(state, say('pass'))).step, 1);
  assert.equal(looked(told(state, say('pass'), say('error'), say('pass'))).status, 'promoting');
});

test('checks stay live while it waits for an approval: a bad one goes back, and an approval after that does nothing', () => {
  const pause = { pause: { until: 'approved' } };
  const state = withShare({ steps: [SHARE, pause], metrics: [metric], background: ['errors'] });
  assert.equal(state.status, 'awaiting-approval');
  const back = told(state, say('fail'), { type: 'approved', by: 'ada' });
  assert.equal(back.status, 'aborting');
  assert.equal(back.reason, 'errors: it is fail');
  assert.deepEqual(back.write?.placements, base);
  const ended = looked(answered(back));
  assert.equal(ended.status, 'rolled-back');
  assert.equal(ended.reason, 'errors: it is fail', 'it still says why');
  assert.equal(looked(told(state, { type: 'approved', by: 'ada' })).status, 'promoting');
});

test('what cannot be decided or measured waits, and is not taken for good or bad', () => {
  const policy = { steps: [SHARE, { pause: { for: '1h' } }], metrics: [metric], background: ['errors'] };
  for (const verdict of ['inconclusive', 'error'] as const) {
    const state = withShare(policy);
    const three = told(state, say(verdict), say(verdict), say(verdict));
    assert.equal(three.status, 'progressing');
    const paused = told(three, say(verdict));
    assert.equal(paused.status, 'paused');
    assert.equal(told(paused, { type: 'resumed', by: 'ada' }).status, 'progressing');
  }
});

test('a freeze stops what gives more, and never the way back', () => {
  const frozen = told(withShare({ steps: [SHARE, SHARE] }), { type: 'frozen', by: 'ada' });
  assert.equal(looked(frozen).write, null);
  assert.equal(told(frozen, { type: 'aborted', by: 'ada', because: 'no' }).status, 'aborting');
  assert.notDeepEqual(looked(told(frozen, { type: 'thawed', by: 'ada' })), told(frozen, { type: 'thawed', by: 'ada' }));
});

test('a node that cannot load it, a version that was deleted and a step that takes too long end the rollout, with the reason', () => {
  const warming = answered(looked(looked(started({ steps: [SHARE], warm_within: '1s' }))));
  const failed = looked(warming, { ready: [], failed: { [candidate.digest]: 'it needs opset 99' } });
  assert.equal(failed.reason, 'n could not load version 2: it needs opset 99');
  assert.equal(told(warming, { type: 'version-deleted' }).reason, 'version 2 was deleted');
  const late = looked(warming, { ready: [] });
  assert.equal(late.status, 'aborting');
  assert.equal(late.reason, 'after 1 s n does not have version 2 ready');
  assert.equal(told(started({ steps: [SHARE] }), { type: 'version-deleted' }).status, 'rolled-back', 'nothing to undo');
});

test('what somebody else has deployed meanwhile ends it, and is left as it is', () => {
  const state = withShare({ steps: [SHARE, { pause: { until: 'approved' } }] });
  const placements = [{ ...base[0], versions: [{ ...base[0].versions[0], version: 7 }] }];
  const ended = told(state, { type: 'found', revision: 99, epoch: 99, placements });
  assert.equal(ended.status, 'failed');
  assert.equal(ended.write, null);
});

test('nodes that were chosen or left out meanwhile stay so in every later write', () => {
  const policy = { steps: [SHARE, { pause: { until: 'approved' } }] };
  const state = withShare(policy);
  const placements = state.written.map((each) => ({ ...each, excluded: ['drained'] }));
  const known = told(state, { type: 'found', revision: state.revision + 1, epoch: state.epoch + 1, placements });
  const back = told(known, { type: 'aborted', by: 'ada', because: 'no' });
  assert.equal(back.write?.over, known.revision);
  assert.deepEqual(back.write?.placements[0].excluded, ['drained']);
});
