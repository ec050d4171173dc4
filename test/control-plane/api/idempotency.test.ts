import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Hono } from 'hono';
import { TidegateError } from '../../../contract/error.js';
import { described } from '../../../control-plane/api/described.js';
import { idempotent } from '../../../control-plane/api/idempotency.js';
import { IdempotencyStore } from '../../../control-plane/api/idempotency-store.js';
import { answerProblem } from '../../../control-plane/problem.js';

const DAY_MS = 86_400_000;

function pathIn(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'tidegate-keys-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'keys.jsonl');
}

/** An app that makes things; what was made is counted. `gate`: it waits there before it answers. */
class Maker {
  readonly app = new Hono();
  readonly made: string[] = [];
  readonly store: IdempotencyStore;
  gate: Promise<void> = Promise.resolve();
  /** Told when a request has come to the gate. */
  atGate: () => void = () => undefined;
  now_ms = 0;

  constructor(path: string, now_ms = 0) {
    this.now_ms = now_ms;
    this.store = new IdempotencyStore(path, now_ms);
    this.app.onError((error, context) => answerProblem(context, error));
    this.app.use(async (context, next) => {
      context.set('caller', { token: context.req.header('who') ?? '', name: '', role: 'operator' });
      await next();
    });
    this.app.use(idempotent(this.store, () => this.now_ms));
    this.app.post('/things', described({ summary: 'Make', tag: 'T', creates: true }), async (context) => {
      const text = await context.req.text();
      this.atGate();
      await this.gate;
      if (text === 'bad') throw new TidegateError('INVALID_REQUEST', 'bad');
      this.made.push(text);
      return context.json({ thing: this.made.length }, 201, { location: `/things/${this.made.length}` });
    });
    this.app.post('/acts', described({ summary: 'Act', tag: 'T' }), (context) => {
      this.made.push('act');
      return context.json({});
    });
  }

  async ask(body: string, key = 'k', { path = '/things', who = '' } = {}) {
    const headers = { 'idempotency-key': key, who };
    const answer = await this.app.request(path, { method: 'POST', body, headers });
    return { status: answer.status, text: await answer.text(), headers: answer.headers };
  }
}

test('the same request with the same key is answered as the first was, also behind a restart, and nothing is made again', async (t) => {
  const path = pathIn(t);
  const before = new Maker(path);
  const first = await before.ask('a');
  assert.equal(first.status, 201);
  before.store.close();
  const maker = new Maker(path, 1000);
  t.after(() => maker.store.close());
  const again = await maker.ask('a');
  assert.deepEqual([again.status, again.text], [201, first.text]);
  assert.equal(again.headers.get('location'), '/things/1');
  assert.equal(again.headers.get('idempotency-replayed'), 'true');
  assert.deepEqual([before.made, maker.made], [['a'], []]);
});

test('the same key with another body, query or path is refused; another caller has keys of their own', async (t) => {
  const maker = new Maker(pathIn(t));
  t.after(() => maker.store.close());
  await maker.ask('a');
  for (const other of [maker.ask('b'), maker.ask('a', 'k', { path: '/things?x=1' })]) {
    const { status, text } = await other;
    assert.equal(status, 422);
    assert.match(text, /IDEMPOTENCY_MISMATCH/);
  }
  assert.equal((await maker.ask('b', 'k', { who: 'bob' })).status, 201);
  assert.deepEqual(maker.made, ['a', 'b']);
});

test('while the first is not answered the second is told so, and one that a crash cut off is never done again unasked', async (t) => {
  const path = pathIn(t);
  const maker = new Maker(path);
  let open: () => void = () => undefined;
  maker.gate = new Promise((resolve) => {
    open = resolve;
  });
  const inside = () =>
    new Promise<void>((resolve) => {
      maker.atGate = resolve;
    });
  let isInside = inside();
  const first = maker.ask('a');
  await isInside;
  assert.equal((await maker.ask('a')).status, 409);
  open();
  assert.equal((await first).status, 201);
  assert.equal((await maker.ask('a')).headers.get('idempotency-replayed'), 'true');
  maker.gate = new Promise(() => undefined);
  isInside = inside();
  const cut = maker.ask('c', 'cut');
  await isInside;
  maker.store.close();
  assert.ok(cut instanceof Promise, 'it is never answered');
  const restarted = new Maker(path, 5);
  t.after(() => restarted.store.close());
  const { status, text } = await restarted.ask('c', 'cut');
  assert.equal(status, 409);
  assert.match(text, /look whether it was done/);
  assert.deepEqual(restarted.made, []);
});

test('a request that failed made nothing: its key may come again, mended', async (t) => {
  const maker = new Maker(pathIn(t));
  t.after(() => maker.store.close());
  assert.equal((await maker.ask('bad')).status, 400);
  assert.equal((await maker.ask('good')).status, 201);
});

test('keys are forgotten after a day, count only where something is made, and have 1 to 200 characters', async (t) => {
  const maker = new Maker(pathIn(t));
  t.after(() => maker.store.close());
  await maker.ask('a');
  maker.now_ms = DAY_MS + 1;
  assert.equal((await maker.ask('b')).status, 201);
  await maker.ask('', 'k', { path: '/acts' });
  await maker.ask('', 'k', { path: '/acts' });
  assert.deepEqual(maker.made, ['a', 'b', 'act', 'act']);
  assert.equal((await maker.ask('a', 'x'.repeat(201))).status, 400);
  const large = await maker.ask('x'.repeat(8 * 1024 * 1024 + 1), 'large');
  assert.equal(large.status, 413);
});
