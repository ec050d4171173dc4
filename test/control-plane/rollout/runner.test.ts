import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { TidegateError } from '../../../contract/error.js';
import { RolloutPolicySchema } from '../../../contract/rollout-policy.js';
import { DesiredStore } from '../../../control-plane/fleet/live/desired-store.js';
import { RolloutStore } from '../../../control-plane/rollout/rollout-store.js';
import { RolloutRunner } from '../../../control-plane/rollout/runner.js';
import type { RolloutState } from '../../../control-plane/rollout/state.js';
import { startNatsProcess } from '../../harness/nats-process.js';
import { base, candidate } from '../../sim/rollout-world.js';

const policy = RolloutPolicySchema.parse({ steps: [{ weight: { percent: 25 } }] });
const what = { name: 'r', model: 'm', candidate, policy };

async function rig(t: TestContext) {
  const bus = await (await startNatsProcess(t)).connect(t);
  const desired = new DesiredStore(bus);
  await desired.write('m', { placements: [...base], pinned: true, limits: {} });
  const told: string[] = [];
  const leader = { term: 1 as number | undefined };
  const runner = () =>
    new RolloutRunner({
      rollouts: new RolloutStore(bus),
      desired,
      term: () => leader.term,
      now_ms: () => 0,
      told: (_, { status }) => told.push(status),
    });
  const seen = ({ epoch }: RolloutState) => {
    const node = { name: 'n', labels: {}, isReachable: true, epoch, ready: [candidate.digest], failed: {} };
    return { type: 'observed', nodes: [node] } as const;
  };
  return { bus, desired, runner, told, seen, leader };
}

test('over a real NATS: a rollout goes to its end, each turn by another process, and keeps what else is desired', async (t) => {
  const { desired, runner, told, seen } = await rig(t);
  let state = await runner().start(what);
  for (let turn = 0; turn < 20 && state.status !== 'promoted'; turn++) state = await runner().tell('r', seen(state));
  assert.equal(state.status, 'promoted');
  assert.deepEqual([...new Set(told)], ['progressing', 'promoting', 'promoted']);
  const end = await desired.read('m');
  assert.equal(end?.state.pinned, true);
  assert.deepEqual(
    end?.state.placements[0].versions.map(({ version, weight }) => [version, weight]),
    [[2, 100]],
  );
});

test('over a real NATS: two at once write once, one that lost its lease writes nothing, and its successor does', async (t) => {
  const { desired, runner, seen, leader } = await rig(t);
  let state = await runner().start(what);
  state = await runner().tell('r', seen(state));
  leader.term = undefined;
  state = await runner().tell('r', seen(state));
  assert.notEqual(state.write, null);
  assert.equal((await desired.read('m'))?.state.epoch, 1);
  leader.term = 2;
  await Promise.all([runner().tell('r', seen(state)), runner().tell('r', seen(state))]);
  const after = await desired.read('m');
  assert.deepEqual([after?.state.epoch, after?.state.term], [2, 2]);
  const back = await runner().tell('r', { type: 'aborted', by: 'ada', because: 'enough' });
  assert.equal((await runner().tell('r', seen(back))).status, 'rolled-back');
  assert.deepEqual((await desired.read('m'))?.state.placements, base);
});

test('what cannot be started, and a name that is taken or unknown, are refused', async (t) => {
  const { runner } = await rig(t);
  const refused = (code: string) => (error: unknown) => error instanceof TidegateError && error.code === code;
  await assert.rejects(runner().start({ ...what, model: 'other' }), refused('INVALID_CONFIG'));
  await runner().start(what);
  await assert.rejects(runner().start(what), refused('CONFLICT'));
  await assert.rejects(runner().tell('s', { type: 'version-deleted' }), refused('NOT_FOUND'));
});

test('over a real NATS: who takes the deployment away ends the rollout, and nothing is deployed again', async (t) => {
  const { bus, desired, runner, seen } = await rig(t);
  const state = await runner().start(what);
  await (await bus.bucket('desired')).delete('prod.m');
  await runner().tell('r', seen(state));
  const ended = await runner().tell('r', seen(state));
  assert.equal(ended.status, 'failed');
  assert.match(ended.reason ?? '', /ended the deployment/);
  assert.equal(await desired.read('m'), undefined);
});
