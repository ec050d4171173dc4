import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { Hono } from 'hono';
import { EventHub } from '../../../control-plane/api/event-hub.js';
import { eventRoutes } from '../../../control-plane/api/event-routes.js';
import { appRig } from './app-rig.js';

/** Reads frames of a stream one by one. */
class Reader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #text = '';

  constructor(answer: Response) {
    assert.equal(answer.headers.get('content-type'), 'text/event-stream');
    this.#reader = answer.body?.getReader() ?? assert.fail('no body');
  }

  /** undefined: the stream has ended. */
  async frame(): Promise<string | undefined> {
    while (!this.#text.includes('\n\n')) {
      const { done, value } = await this.#reader.read();
      if (done) return undefined;
      this.#text += Buffer.from(value).toString('utf8');
    }
    const end = this.#text.indexOf('\n\n');
    const frame = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 2);
    return frame;
  }

  cancel(): Promise<void> {
    return this.#reader.cancel();
  }
}

async function opened(t: TestContext, events: EventHub, headers = {}, { query = '', heartbeat_ms = 60_000 } = {}) {
  const app = new Hono().route('/e', eventRoutes({ events, heartbeat_ms }));
  const reader = new Reader(await app.request(`/e${query}`, { headers }));
  t.after(() => reader.cancel());
  return reader;
}

const idIn = (frame: string | undefined) => /^id: (\S+)/m.exec(frame ?? '')?.[1] ?? '';

test('a reader gets what changes from now on, and goes on behind the last event it saw', async (t) => {
  const events = new EventHub();
  events.publish('a', 0, { x: 0 });
  const first = await opened(t, events);
  assert.match((await first.frame()) ?? '', /^id: [0-9a-f]{12}-1\nretry: 2000$/);
  events.publish('changed.models', 0, { x: 1 });
  const seen = await first.frame();
  assert.match(
    seen ?? '',
    /^id: \S+-2\nevent: changed.models\ndata: \{"kind":"changed.models","at":"1970-01-01T00:00:00.000Z","x":1\}$/,
  );
  await first.cancel();
  events.publish('b', 0, { text: 'two\nlines' });
  events.publish('c', 0, {});
  const second = await opened(t, events, { 'last-event-id': idIn(seen) });
  await second.frame();
  assert.match((await second.frame()) ?? '', /event: b\ndata: [^\n]*two\\nlines[^\n]*$/);
  assert.match((await second.frame()) ?? '', /event: c/);
});

test('what is forgotten, or of another process, is told as a gap', async (t) => {
  const events = new EventHub(3);
  for (let n = 0; n < 10; n++) events.publish('a', 0, { n });
  for (const id of [events.idOf(5), new EventHub().idOf(9), 'nonsense', events.idOf(11)]) {
    const reader = await opened(t, events, { 'last-event-id': id });
    await reader.frame();
    assert.match((await reader.frame()) ?? '', /^event: reset\ndata: .*read again/, id);
  }
  const kept = await opened(t, events, { 'last-event-id': events.idOf(7) });
  await kept.frame();
  assert.match((await kept.frame()) ?? '', /"n":7/);
});

test('a reader that is too slow is dropped with the reason, and costs nobody memory', async (t) => {
  const events = new EventHub(100);
  const reader = await opened(t, events);
  await reader.frame();
  for (let n = 0; n < 1000; n++) events.publish('a', 0, { n });
  let frame = await reader.frame();
  while (frame !== undefined && !frame.startsWith('event: dropped')) frame = await reader.frame();
  assert.match(frame ?? '', /too slowly/);
  assert.equal(await reader.frame(), undefined);
  assert.equal(events.behind(0, 1000).length, 100);
});

test('kinds are chosen by their beginning, a silent stream has a heartbeat, and closing the hub ends it', async (t) => {
  const events = new EventHub();
  const reader = await opened(t, events, {}, { query: '?kind=changed', heartbeat_ms: 5 });
  await reader.frame();
  assert.match((await reader.frame()) ?? '', /^: /, 'a heartbeat');
  events.publish('fleet.node', 0, {});
  events.publish('changes', 0, {});
  events.publish('changed.labels', 0, {});
  let frame = await reader.frame();
  while (frame?.startsWith(':') === true) frame = await reader.frame();
  assert.match(frame ?? '', /event: changed.labels/);
  events.close();
  while (frame !== undefined) frame = await reader.frame();
});

test('whatever is published and wherever a reader comes back, it misses nothing without being told', () => {
  const step = fc.oneof(fc.record({ publish: fc.nat(5) }), fc.record({ read: fc.nat(5) }));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.array(step, { maxLength: 40 }), (most, steps) => {
      const events = new EventHub(most);
      let at = 0;
      for (const each of steps) {
        if ('publish' in each) {
          for (let n = 0; n < each.publish; n++) events.publish('a', 0, {});
        } else if (events.isLost(at)) {
          assert.equal(events.positionOf(events.idOf(at)).isGap, true);
          at = events.last;
        } else {
          for (const { n } of events.behind(at, each.read)) {
            assert.equal(n, at + 1);
            at = n;
          }
        }
      }
    }),
  );
});

test('every change that the API makes is an event, with who made it', async (t) => {
  const { app, events, as } = appRig(t);
  const headers = await as('admin');
  const made = await app.request('/v1/tokens', {
    method: 'POST',
    headers,
    body: JSON.stringify({ name: 'ci', role: 'viewer' }),
  });
  assert.equal(made.status, 201);
  await app.request('/v1/tokens', { method: 'POST', headers, body: '{}' });
  assert.deepEqual(
    events.behind(0, 9).map(({ kind, data }) => [kind, JSON.parse(data).by, JSON.parse(data).path]),
    [['changed.tokens', 'a admin', '/v1/tokens']],
  );
});
