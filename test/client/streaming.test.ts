import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { WebSocket } from 'ws';
import {
  type ConnectionState,
  type ConnectOptions,
  type ScoringStream,
  type StreamAnswer,
  StreamingConnection,
  TidegateClient,
  type WebSocketConstructor,
} from '../../client/index.js';
import { TidegateError } from '../../contract/error.js';
import { uwsMissing } from '../harness/uws.js';
import { type Server, SOCKET_KINDS, serve } from './server.js';

const FAST = { base_ms: 5, max_ms: 20 };

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** A connection that ends with its test, failed or not: it would reconnect for ever. */
async function connectTo(
  t: TestContext,
  server: Server,
  options: ConnectOptions = { reconnect: FAST },
): Promise<StreamingConnection> {
  const connection = await new TidegateClient(server.url).connect(options);
  t.after(() => connection.close());
  return connection;
}

/** A WebSocket that connects to wherever `target` stands now, as a name does behind which servers change. */
function redirected(target: { url: string }): WebSocketConstructor {
  return class extends WebSocket {
    constructor(_url: string, protocols: string[]) {
      super(`${target.url.replace('http', 'ws')}/v2/ws`, protocols);
    }
  };
}

async function sumOf(stream: ScoringStream, x: number[]): Promise<unknown> {
  return (await stream.infer({ x })).outputs['y'].data;
}

for (const kind of SOCKET_KINDS) {
  const skip = kind === 'uws' && uwsMissing;

  test(`${kind}: many calls at once, on many streams, each with its own answer and never past the credits`, {
    skip,
  }, async (t) => {
    const server = await serve(kind, { ws_credits: 4 });
    t.after(server.stop);
    const connection = await connectTo(t, server);
    const streams = await Promise.all([1, 2, 3].map(() => connection.openStream('echo', { order: 'ready' })));
    const calls = streams.flatMap((stream, s) =>
      [...Array(50).keys()].map(async (i) => {
        const { outputs } = await stream.infer({ x: Float32Array.of(s, i) });
        assert.deepEqual(outputs['y'].data, Float32Array.of(s, i));
      }),
    );
    await Promise.all(calls);
    assert.deepEqual(
      streams.map(({ credits }) => credits),
      [4, 4, 4],
    );
    await connection.close();
    await until(() => server.face.open_connections === 0);
  });

  test(`${kind}: send and iterate, in order, no further ahead than the window`, { skip }, async (t) => {
    const server = await serve(kind, { ws_credits: 3 });
    t.after(server.stop);
    const connection = await connectTo(t, server);
    const stream = await connection.openStream('echo');
    let sent = 0;
    const sending = (async () => {
      for (let i = 0; i < 20; i++) {
        await stream.send({ x: [i, i] });
        sent++;
      }
      await stream.close();
    })();
    await until(() => sent === 3);
    await stream.ready;
    assert.equal(sent, 3, 'unread answers hold the sender back');
    const seen: StreamAnswer[] = [];
    for await (const answer of stream) seen.push(answer);
    await sending;
    const values = seen.map((answer) => ('result' in answer ? answer.result.outputs['y'].data[0] : answer.error));
    assert.deepEqual(values, [...Array(20).keys()]);
    await connection.close();
  });

  test(`${kind}: a stateful stream adds up, restarts when told, and its state goes with it`, { skip }, async (t) => {
    const server = await serve(kind);
    t.after(server.stop);
    const connection = await connectTo(t, server);
    const stream = await connection.openStream('counter', { version: 'stable' });
    assert.equal(stream.stateful, true);
    assert.deepEqual(await sumOf(stream, [1, 2]), Float32Array.of(1, 2));
    assert.deepEqual(await sumOf(stream, [1, 2]), Float32Array.of(2, 4));
    const { outputs } = await stream.infer({ x: [5, 5] }, { restart: true });
    assert.deepEqual(outputs['y'].data, Float32Array.of(5, 5));
    await stream.close();
    assert.equal(server.inference.ended.length, 1);
    await assert.rejects(stream.infer({ x: [1, 1] }), { code: 'CLOSED' });
    await connection.close();
  });

  test(`${kind}: an error answers one message and leaves the stream`, { skip }, async (t) => {
    const server = await serve(kind);
    t.after(server.stop);
    const connection = await connectTo(t, server);
    await assert.rejects(connection.openStream('nobody'), { code: 'MODEL_NOT_FOUND' });
    const stream = await connection.openStream('echo');
    server.inference.refusal = new TidegateError('QUEUE_FULL', 'Exceeds maximum queue size', { retry_after_ms: 40 });
    await assert.rejects(stream.infer({ x: [1, 2] }), { code: 'QUEUE_FULL', retryable: true, retry_after_ms: 40 });
    server.inference.refusal = undefined;
    assert.deepEqual(await sumOf(stream, [1, 2]), Float32Array.of(1, 2));
    await connection.close();
  });

  test(`${kind}: a signal cancels a message in flight and one that waits for a credit`, { skip }, async (t) => {
    const server = await serve(kind, { ws_credits: 1 });
    t.after(server.stop);
    server.inference.automatic = false;
    const connection = await connectTo(t, server);
    const stream = await connection.openStream('echo');
    const first = new AbortController();
    const second = new AbortController();
    const flying = stream.infer({ x: [1, 1] }, { signal: first.signal });
    const waiting = stream.infer({ x: [2, 2] }, { signal: second.signal });
    await until(() => server.inference.held.length === 1);
    second.abort();
    await assert.rejects(waiting, { code: 'CANCELLED' });
    first.abort();
    await assert.rejects(flying, { code: 'CANCELLED' });
    await stream.ready;
    assert.equal(server.inference.held.length, 0);
    assert.equal(server.inference.requests.length, 1);
    await connection.close();
  });

  test(`${kind}: after a broken connection: in flight rejected, plain streams go on, stateful ones say state lost`, {
    skip,
  }, async (t) => {
    const server = await serve(kind, { ws_credits: 1 });
    t.after(server.stop);
    const states: ConnectionState[] = [];
    const connection = await connectTo(t, server, { reconnect: FAST, onState: (state) => states.push(state) });
    const plain = await connection.openStream('echo');
    const stateful = await connection.openStream('counter');
    await sumOf(stateful, [1, 1]);
    server.inference.automatic = false;
    const flying = plain.infer({ x: [1, 1] });
    const waiting = plain.infer({ x: [2, 2] });
    const lost = stateful.infer({ x: [1, 1] });
    const outcomes = Promise.allSettled([flying, lost]);
    await until(() => server.inference.held.length === 2);
    server.inference.automatic = true;
    server.cut();
    const [flight, state] = await outcomes;
    assert.ok(flight.status === 'rejected' && state.status === 'rejected');
    assert.deepEqual([flight.reason.code, flight.reason.retryable], ['CONNECTION_LOST', true]);
    assert.deepEqual([state.reason.code, state.reason.retryable], ['CONNECTION_LOST', true]);
    assert.deepEqual((await waiting).outputs['y'].data, Float32Array.of(2, 2));
    await assert.rejects(stateful.infer({ x: [1, 1] }), { code: 'STATE_LOST' });
    assert.deepEqual(states, ['open', 'reconnecting', 'open']);
    await connection.close();
  });

  test(`${kind}: a server that leaves answers what is in flight; the rest goes to its successor`, {
    skip,
  }, async (t) => {
    const server = await serve(kind, { ws_credits: 2 });
    const successor = await serve(kind);
    t.after(server.stop);
    t.after(successor.stop);
    const target = { url: server.url };
    const connection = await connectTo(t, server, { reconnect: FAST, WebSocket: redirected(target) });
    const stream = await connection.openStream('echo');
    server.inference.automatic = false;
    const calls = [1, 2, 3, 4].map((i) => stream.infer({ x: [i, i] }));
    await until(() => server.inference.held.length === 2);
    const gone = server.face.goingAway(5000);
    await until(() => stream.credits === 0);
    target.url = successor.url;
    server.inference.answerAll();
    await gone;
    const results = await Promise.all(calls);
    assert.deepEqual(
      results.map(({ outputs }) => outputs['y'].data[0]),
      [1, 2, 3, 4],
    );
    assert.equal(successor.inference.requests.length, 2);
    await connection.close();
  });

  test(`${kind}: a server that is not there is CONNECT_FAILED at once, and attempts after a loss are counted`, {
    skip,
  }, async (t) => {
    const server = await serve(kind);
    t.after(server.stop);
    const states: ConnectionState[] = [];
    const connection = await connectTo(t, server, {
      reconnect: { ...FAST, attempts: 2 },
      onState: (state) => states.push(state),
    });
    const stream = await connection.openStream('echo');
    server.stop();
    await until(() => connection.state === 'closed');
    assert.deepEqual(states, ['open', 'reconnecting', 'closed']);
    await assert.rejects(stream.infer({ x: [1, 1] }), { code: 'CONNECT_FAILED' });
    await assert.rejects(connection.openStream('echo'), { code: 'CONNECT_FAILED' });
    await assert.rejects(StreamingConnection.open(server.url), { code: 'CONNECT_FAILED' });
  });
}
