import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DesiredVersion, Role } from '../../contract/desired-state.js';
import type { KeptState } from '../../contract/node-status.js';
import { type AgentEffect, type AgentEvent, type AgentState, restarted } from '../../runtime/agent/agent-state.js';
import { MOST_FAILURES, observed, retryDelay_ms, step } from '../../runtime/agent/machine.js';

const digest = (version: number): string => `sha256:${String(version).padStart(64, '0')}`;
const wants = (version: number, weight = 100, role: Role = 'champion'): DesiredVersion => ({
  version,
  digest: digest(version),
  weight,
  role,
  routes: [],
});

/** Does at once whatever the machine asks for, but for what a test forbids. */
class Rig {
  state: AgentState;
  now_ms = 0;
  kept: KeptState | undefined;
  readonly log: string[] = [];
  readonly #obstacle: (effect: AgentEffect) => string | undefined;

  constructor(kept?: KeptState, obstacle: (effect: AgentEffect) => string | undefined = () => undefined) {
    this.state = restarted(kept);
    this.kept = kept;
    this.#obstacle = obstacle;
    this.tell({ type: 'tick' });
  }

  tell(event: AgentEvent): void {
    const { state, effects } = step(this.state, event, this.now_ms);
    this.state = state;
    for (const effect of effects) this.#do(effect);
  }

  desire(epoch: number, ...versions: readonly DesiredVersion[]): void {
    this.tell({ type: 'desired', epoch, versions });
  }

  get serving(): readonly number[] {
    return this.state.table.map(({ version }) => version);
  }

  #do(effect: AgentEffect): void {
    if (effect.type === 'switch') this.log.push(`switch ${effect.table.map(({ version }) => version)}`);
    if (effect.type === 'switch' || effect.type === 'report' || effect.type === 'cancel') return;
    const { op } = effect;
    if (effect.type !== 'persist') this.log.push(`${effect.type} ${effect.version}`);
    const obstacle = this.#obstacle(effect);
    if (obstacle === 'waits') return;
    if (obstacle !== undefined) {
      this.tell({ type: effect.type === 'persist' ? 'persist-failed' : 'failed', op, reason: obstacle });
      return;
    }
    if (effect.type === 'persist') this.kept = effect.kept;
    if (effect.type === 'load') this.tell({ type: 'loaded', op, memory_bytes: 10 });
    else this.tell({ type: DONE[effect.type], op });
  }
}

const DONE = {
  fetch: 'fetched',
  verify: 'verified',
  warm: 'warmed',
  drain: 'drained',
  unload: 'unloaded',
  persist: 'persisted',
} as const;

test('a swap goes fetch, verify, load, warm, switch, and the one before the previous is drained and unloaded', () => {
  const rig = new Rig();
  rig.desire(1, wants(1));
  assert.deepEqual(rig.log, ['fetch 1', 'verify 1', 'load 1', 'warm 1', 'switch 1']);
  rig.desire(2, wants(2));
  assert.ok(!rig.log.includes('drain 1'), 'the way back stays in memory');
  rig.desire(3, wants(3));
  assert.deepEqual(rig.log.slice(-3), ['switch 3', 'drain 1', 'unload 1']);
  assert.deepEqual(rig.serving, [3]);
});

test('the way back needs no download and no load', () => {
  const rig = new Rig();
  rig.desire(1, wants(1));
  rig.desire(2, wants(2));
  rig.log.length = 0;
  rig.desire(3, wants(1));
  assert.deepEqual(rig.log, ['switch 1']);
});

test('an old epoch, or the same one again, changes nothing', () => {
  const rig = new Rig();
  rig.desire(5, wants(1));
  const before = rig.state;
  rig.desire(4, wants(2));
  rig.desire(5, wants(2));
  assert.deepEqual(rig.state, before);
});

test('an epoch is acted on only when it is on disk, and a disk that refuses is told', () => {
  let refuses = true;
  const rig = new Rig(undefined, ({ type }) => (type === 'persist' && refuses ? 'no space left' : undefined));
  rig.desire(1, wants(1));
  assert.deepEqual(rig.log, []);
  assert.match(observed(rig.state).trouble ?? '', /no space left/);
  refuses = false;
  rig.tell({ type: 'tick' });
  assert.deepEqual(rig.serving, [1]);
  assert.equal(rig.kept?.epoch, 1);
});

test('a version that fails leaves the old one serving, says why, is tried again ever later, and is quarantined', () => {
  const rig = new Rig(undefined, (effect) =>
    effect.type === 'load' && effect.version === 2 ? 'not an ONNX file' : undefined,
  );
  rig.desire(1, wants(1));
  rig.desire(2, wants(2));
  assert.deepEqual(rig.serving, [1]);
  for (let failures = 1; failures < MOST_FAILURES; failures++) {
    assert.equal(observed(rig.state).versions[1].quarantined, false);
    rig.now_ms += retryDelay_ms(failures) - 1;
    rig.tell({ type: 'tick' });
    assert.equal(observed(rig.state).versions[1].failures, failures, 'not yet');
    rig.now_ms += 1;
    rig.tell({ type: 'tick' });
  }
  const [, failed] = observed(rig.state).versions;
  assert.deepEqual([failed.state, failed.reason, failed.quarantined], ['failed', 'not an ONNX file', true]);
  assert.deepEqual(rig.serving, [1]);
});

test('a canary that is ready first gets nothing of the champion share, and one that fails leaves it all to the champion', () => {
  const rig = new Rig(undefined, (effect) => {
    if (effect.type !== 'load') return undefined;
    return effect.version === 2 ? 'waits' : effect.version === 4 ? 'broken' : undefined;
  });
  rig.desire(1, wants(1));
  rig.desire(2, wants(2, 95), wants(3, 5, 'canary'));
  assert.deepEqual(rig.serving, [1]);
  const loading = rig.state.copies.find(({ version }) => version === 2);
  assert.equal(loading?.phase, 'loading');
  rig.tell({ type: 'loaded', op: loading?.op ?? 0, memory_bytes: 1 });
  assert.deepEqual(rig.serving, [2, 3]);
  rig.desire(3, wants(2, 95), wants(4, 5, 'canary'));
  assert.deepEqual(rig.serving, [2]);
});

test('a node that starts again serves what it knew, and in the middle of a swap what it served', () => {
  const kept: KeptState = { v: 1, epoch: 7, wanted: [wants(2)], serving: [wants(1)] };
  const rig = new Rig(kept, (effect) => (effect.type === 'fetch' && effect.version === 2 ? 'nobody there' : undefined));
  assert.deepEqual(rig.serving, [1]);
  rig.desire(6, wants(3));
  assert.deepEqual(rig.serving, [1]);
  assert.deepEqual(new Rig(kept).serving, [2]);
});

test('what is wanted again while it is drained is ready at once, and late news of the drain means nothing', () => {
  const rig = new Rig(undefined, ({ type }) => (type === 'drain' ? 'waits' : undefined));
  for (const version of [1, 2, 3]) rig.desire(version, wants(version));
  const draining = rig.state.copies.find(({ phase }) => phase === 'draining');
  assert.equal(draining?.version, 1);
  rig.desire(4, wants(1));
  assert.deepEqual(rig.serving, [1]);
  rig.tell({ type: 'drained', op: draining?.op ?? 0 });
  assert.deepEqual(rig.serving, [1]);
  assert.equal(rig.state.copies.find(({ version }) => version === 1)?.phase, 'ready');
});

test('without memory for the new version the way back is given up, never what serves', () => {
  const rig = new Rig(undefined, (effect) => (effect.type === 'load' && effect.version === 3 ? 'waits' : undefined));
  for (const version of [1, 2, 3]) rig.desire(version, wants(version));
  const { op } = rig.state.copies.find(({ version }) => version === 3) ?? { op: 0 };
  rig.tell({ type: 'failed', op, reason: '20 MiB too large', no_memory: true });
  assert.deepEqual(
    rig.state.copies.map(({ version, phase }) => [version, phase]),
    [
      [2, 'ready'],
      [3, 'failed'],
    ],
  );
  assert.deepEqual(rig.serving, [2]);
});

test('none desired unloads all; a version that is lost is replaced by the one before it', () => {
  const rig = new Rig();
  rig.desire(1, wants(1));
  rig.desire(2, wants(2));
  rig.tell({ type: 'lost', digest: digest(2), reason: 'its threads died' });
  assert.deepEqual(rig.serving, [1]);
  rig.now_ms += retryDelay_ms(1);
  rig.tell({ type: 'tick' });
  assert.deepEqual(rig.serving, [2]);
  rig.desire(3);
  assert.deepEqual([rig.serving, rig.state.copies], [[], []]);
});
