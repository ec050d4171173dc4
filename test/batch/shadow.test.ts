import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InferReply } from '../../contract/inference.js';
import type { ServedVersion } from '../../runtime/model/served-version.js';
import { now_us } from '../../std/clock.js';
import { until } from '../harness/ask.js';
import { ADD_SUB, Rig, type RigModel, request } from './rig.js';

const ROW = new Uint8Array(Int32Array.from({ length: 16 }, (_, i) => i).buffer);

interface Pair {
  readonly rig: Rig;
  readonly champion: ServedVersion;
  readonly shadow: ServedVersion;
}

async function pair(t: { after(done: () => Promise<unknown>): void }, other: RigModel = ADD_SUB): Promise<Pair> {
  const rig = new Rig();
  t.after(() => rig.stop());
  const champion = rig.announce(ADD_SUB);
  const shadow = rig.announce({ ...other, name: 'shadow' });
  const never = new AbortController().signal;
  await Promise.all([rig.host.load(champion, never), rig.host.load(shadow, never)]);
  rig.host.arrange([
    { handle: champion.handle, variant: 'champion' },
    { handle: shadow.handle, variant: 'shadow' },
  ]);
  return { rig, champion, shadow };
}

function ask(rig: Rig): Promise<InferReply> {
  return new Promise((answered, failed) => {
    const asked = request(ADD_SUB.name, [
      ['INPUT0', 'INT32', [1, 16], ROW],
      ['INPUT1', 'INT32', [1, 16], ROW],
    ]);
    rig.admission.infer(asked, { answered, failed }, 'http', now_us());
  });
}

test('each answered request is copied to the shadow once, after its caller has the answer, and leaves no memory behind', async (t) => {
  const { rig, shadow } = await pair(t);
  const queue = rig.host.backlog.get(shadow.handle);
  for (let i = 0; i < 20; i++) {
    const { version } = await ask(rig);
    assert.equal(version, '1');
  }
  await until('the shadow has answered', () => rig.observer.executions.length >= 21 && queue?.open_requests === 0);
  const rows = rig.observer.executions.reduce((sum, each) => sum + each.rows, 0);
  assert.equal(rows, 40, 'twenty rows of callers and twenty copies');
  assert.equal(queue?.shed, 0);
  assert.equal(rig.host.arena.used_bytes, 0);
});

test('a shadow with other inputs gets nothing, and says how much', async (t) => {
  const [first] = ADD_SUB.inputs;
  const { rig, shadow } = await pair(t, { ...ADD_SUB, inputs: [first, ['INPUT1', 'INT32', [-1, -1]]] });
  await ask(rig);
  assert.equal(rig.host.backlog.get(shadow.handle)?.shed, 1);
  assert.equal(rig.host.arena.used_bytes, 0);
});

test('a shadow that is too slow sheds, and its callers notice nothing', async (t) => {
  const { rig, champion, shadow } = await pair(t);
  const queue = rig.host.backlog.get(shadow.handle);
  assert.ok(queue !== undefined);
  const { links } = queue;
  // It holds a thread as far as anybody can tell, and that thread is busy for ever.
  queue.links = [Object.create(links[0], { running: { value: 2 } })];
  for (let i = 0; i < 300; i++) await ask(rig);
  assert.equal(queue.open_requests, 256);
  assert.equal(queue.shed, 44);
  assert.deepEqual(rig.observer.failures, []);
  queue.links = links;
  rig.host.dispatcher.schedule();
  await until('what waited is done', () => queue.open_requests === 0);
  rig.host.arrange([{ handle: champion.handle, variant: 'champion' }]);
  await ask(rig);
  assert.equal(queue.shed + queue.open_requests, 44, 'without shadows nothing is copied any more');
});
