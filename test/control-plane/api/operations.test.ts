import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { z } from 'zod';
import { TidegateError } from '../../../contract/error.js';
import type { Operation, Work } from '../../../control-plane/api/operation.js';
import { Operations } from '../../../control-plane/api/operations.js';
import { appRig } from './app-rig.js';

const NEW = { what: 'dig', path: '/v1/holes', by: 'ada' };

class Rig {
  readonly operations: Operations;
  readonly heard: Operation[] = [];
  readonly #waiting: (() => void)[] = [];
  now_ms = Date.parse('2026-03-01T12:00:00Z');

  constructor(path: string) {
    this.operations = new Operations(
      path,
      () => this.now_ms++,
      (operation) => {
        this.heard.push(operation);
        for (const wake of this.#waiting.splice(0)) wake();
      },
    );
  }

  async ended(id: string): Promise<Operation> {
    while (this.operations.get(id).state === 'running')
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.operations.get(id);
  }
}

function pathIn(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'tidegate-operations-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'operations.jsonl');
}

/** Work that goes on until it is told to stop. */
const forever = ({ signal }: Work) =>
  new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))));

test('work is watched from its start over its progress to its end, and is remembered over a restart', async (t) => {
  const path = pathIn(t);
  const rig = new Rig(path);
  const { id } = rig.operations.start(NEW, async ({ progress }) => {
    progress(0.5, 'half of it');
    return { depth: 3 };
  });
  const done = await rig.ended(id);
  assert.deepEqual([done.state, done.progress, done.result, done.problem], ['done', 1, { depth: 3 }, null]);
  const failed = rig.operations.start(NEW, () => Promise.reject(new TidegateError('INVALID_REQUEST', 'rock')));
  assert.deepEqual((await rig.ended(failed.id)).problem?.detail, 'rock');
  assert.deepEqual(
    rig.heard.filter((each) => each.id === id).map(({ state, progress, message }) => [state, progress, message]),
    [
      ['running', null, ''],
      ['running', 0.5, 'half of it'],
      ['done', 1, 'half of it'],
    ],
  );
  await rig.operations.close();
  const again = new Rig(path);
  t.after(() => again.operations.close());
  assert.deepEqual(
    again.operations.list().map((each) => [each.id, each.state]),
    [
      [failed.id, 'failed'],
      [id, 'done'],
    ],
  );
});

test('cancelled work says so once it has stopped; what has ended cannot be cancelled', async (t) => {
  const rig = new Rig(pathIn(t));
  t.after(() => rig.operations.close());
  const { id } = rig.operations.start(NEW, forever);
  const told = rig.operations.cancel(id);
  assert.deepEqual([told.state, told.is_cancelling], ['running', true]);
  const ended = await rig.ended(id);
  assert.deepEqual([ended.state, ended.is_cancelling, ended.problem], ['cancelled', false, null]);
  assert.throws(() => rig.operations.cancel(id), /is cancelled already/);
  assert.throws(() => rig.operations.get('op-x'), /no operation 'op-x'/);
});

test('work that a crash cut off has failed, and says that it may be asked for again', async (t) => {
  const path = pathIn(t);
  const rig = new Rig(path);
  t.after(() => rig.operations.close());
  const { id } = rig.operations.start(NEW, forever);
  // As a process that was killed leaves it.
  const text = readFileSync(path, 'utf8');
  assert.match(text, /"state":"running"/);
  const after = new Rig(path);
  t.after(() => after.operations.close());
  const { state, problem } = after.operations.get(id);
  assert.equal(state, 'failed');
  assert.match(problem?.detail ?? '', /ended before the work did/);
});

test('only so much runs at a time, and only so much is remembered', async (t) => {
  const path = pathIn(t);
  const rig = new Rig(path);
  const running = Array.from({ length: 16 }, () => rig.operations.start(NEW, forever));
  assert.throws(() => rig.operations.start(NEW, forever), /16 operations run/);
  rig.operations.cancel(running[0].id);
  await rig.ended(running[0].id);
  rig.operations.start(NEW, forever);
  await rig.operations.close();
  assert.ok(rig.operations.list().every(({ state }) => state === 'cancelled'));
});

test('a long route answers 202 where it is preferred; the operation is listed, paged, cancelled by those who may', async (t) => {
  const { app, as, operations } = appRig(t);
  const [operator, viewer] = [await as('operator'), await as('viewer')];
  const body = JSON.stringify({ window: { from: '2h', to: '1h' } });
  const ask = (headers: Readonly<Record<string, string>>) =>
    app.request('/v1/models/flights/references', { method: 'POST', headers, body });
  const answer = await ask({ ...operator, prefer: 'respond-async', 'idempotency-key': 'once' });
  assert.equal(answer.status, 202);
  const location = answer.headers.get('location') ?? '';
  assert.match(location, /^\/v1\/operations\/op-/);
  const replay = await ask({ ...operator, prefer: 'respond-async', 'idempotency-key': 'once' });
  assert.deepEqual([replay.status, replay.headers.get('location')], [202, location]);
  await ask({ ...operator, prefer: 'respond-async' });
  const PageSchema = z.object({ items: z.array(z.object({ id: z.string() })), next_cursor: z.string().nullable() });
  const page = async (query: string) => {
    const given = await app.request(`/v1/operations?${query}`, { headers: viewer });
    return { status: given.status, ...PageSchema.partial().parse(await given.json()) };
  };
  const first = await page('limit=1');
  const second = await page(`limit=1&cursor=${first.next_cursor}`);
  assert.deepEqual(
    [...(first.items ?? []), ...(second.items ?? [])].map(({ id }) => id),
    operations.list().map(({ id }) => id),
  );
  assert.equal(second.next_cursor, null);
  assert.equal(
    (await page(`limit=1&state=done&cursor=${first.next_cursor}`)).status,
    400,
    'a cursor of another filter',
  );
  const cancel = (headers: Readonly<Record<string, string>>) =>
    app.request(`${location}/cancel`, { method: 'POST', headers });
  assert.equal((await cancel(viewer)).status, 403);
});
