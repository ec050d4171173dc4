import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { WebSocket } from 'ws';
import { DEFAULT_LIMITS } from '../../contract/limits.js';
import type { WebSocketFace } from '../../runtime/socket/face.js';
import { listen } from '../../runtime/socket/listen.js';
import { certificateOf } from '../../std/certificate.js';
import { testCertificate } from '../harness/certificate.js';
import { EchoFace } from './rig.js';

/** Sends back what it gets. */
const ECHO: WebSocketFace = {
  choose: (_path, offered) => offered[0],
  opened: () => undefined,
  received: (connection, frame, binary) =>
    void connection.send(binary ? Buffer.from(frame) : Buffer.from(frame).toString()),
  drained: () => undefined,
  closed: () => undefined,
};

async function opened(t: TestContext) {
  const { cert_file, key_file } = testCertificate(t);
  const certificate = certificateOf({ cert_setting: 'c', cert_file, key_setting: 'k', key_file });
  const socket = await listen({
    host: '127.0.0.1',
    port: 0,
    limits: DEFAULT_LIMITS,
    choice: 'net',
    http: new EchoFace(),
    websocket: ECHO,
    certificate,
  });
  t.after(() => socket.destroy());
  return { socket, port: socket.port, ca: readFileSync(cert_file), certificate };
}

function asked(port: number, ca: Buffer, agent: Agent, body: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, ca, agent, method: 'POST', path: '/echo' }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

test('with a certificate the socket net answers over TLS: small, large, one after the other and many at once', async (t) => {
  const { port, ca } = await opened(t);
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  t.after(() => agent.destroy());
  const large = 'x'.repeat(3_000_000);
  const bodies = ['', 'small', large, ...Array.from({ length: 40 }, (_, n) => `${n}`.repeat(10_000))];
  const answers = await Promise.all(bodies.map((body) => asked(port, ca, agent, body)));
  for (const [n, { status, text }] of answers.entries()) {
    assert.equal(status, 200);
    assert.ok(text.endsWith(bodies[n]), `answer ${n} holds what was sent`);
  }
});

test('requests that come in one piece are answered in their order, and the protocol is HTTP/1.1', async (t) => {
  const { port, ca } = await opened(t);
  const socket = connectTls({ host: '127.0.0.1', port, ca, ALPNProtocols: ['h2', 'http/1.1'] });
  t.after(() => socket.destroy());
  await new Promise((resolve) => socket.once('secureConnect', resolve));
  assert.equal(socket.alpnProtocol, 'http/1.1');
  const one = (n: number, last: boolean) =>
    `POST /echo?${n} HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n${last ? 'connection: close\r\n' : ''}\r\n${n}`;
  socket.write([1, 2, 3].map((n) => one(n, n === 3)).join(''));
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  assert.deepEqual(
    [...text.matchAll(/\|(\d)/g)].map(([, n]) => n),
    ['1', '2', '3'],
  );
});

test('WebSockets are carried too, frames of any size', async (t) => {
  const { port, ca } = await opened(t);
  const client = new WebSocket(`wss://127.0.0.1:${port}/ws`, ['echo.v1'], { ca });
  t.after(() => client.terminate());
  await once(client, 'open');
  for (const frame of ['text ä', Buffer.from([0, 1, 255]), 'x'.repeat(400_000)]) {
    client.send(frame);
    const [data] = await once(client, 'message');
    assert.deepEqual(Buffer.from(data), Buffer.from(frame));
  }
});

test('who speaks no TLS is cut off, and nobody else notices', async (t) => {
  const { port, ca, socket } = await opened(t);
  const plain = connect(port, '127.0.0.1');
  plain.on('error', () => undefined);
  const ended = new Promise((resolve) => plain.once('close', resolve));
  plain.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  plain.resume();
  await ended;
  const agent = new Agent();
  assert.equal((await asked(port, ca, agent, 'a')).status, 200);
  assert.ok(socket.open_connections <= 1);
});

test('sockets that speak no TLS refuse a certificate rather than serve without it', async (t) => {
  const { certificate } = await opened(t);
  for (const choice of ['uws', 'node'] as const) {
    const options = { host: '127.0.0.1', port: 0, limits: DEFAULT_LIMITS, websocket: undefined, certificate, choice };
    await assert.rejects(listen({ ...options, http: new EchoFace() }), /speaks no TLS: use the socket 'net'/);
  }
});
