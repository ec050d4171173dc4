import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { setTimeout as later } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { WebSocketConnection, WebSocketFace } from '../../runtime/socket/face.js';
import { RawClient } from './raw-client.js';
import { EchoFace, missing, openSocket, SOCKETS } from './rig.js';

/** Echoes frames; after a frame `flood` it sends until it is told to stop. */
class EchoStreams implements WebSocketFace {
  readonly codes: number[] = [];
  readonly connections: WebSocketConnection[] = [];
  traceparent = '';
  drains = 0;

  choose(path: string, offered: readonly string[]): string | undefined {
    return path === '/ws' ? offered.find((name) => name === 'echo.v1') : undefined;
  }

  opened(connection: WebSocketConnection, headers: { readonly traceparent: string }): void {
    this.connections.push(connection);
    this.traceparent = headers.traceparent;
  }

  received(connection: WebSocketConnection, frame: Uint8Array, binary: boolean): void {
    const bytes = Buffer.from(frame);
    connection.send(binary ? bytes : bytes.toString());
  }

  drained(): void {
    this.drains++;
  }

  closed(_: WebSocketConnection, code: number): void {
    this.codes.push(code);
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await later(2);
}

const HANDSHAKE =
  'GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: echo.v1\r\n\r\n';

for (const name of SOCKETS) {
  describe(`WebSocket over ${name}`, { skip: await missing(name) }, () => {
    it('negotiates the subprotocol, passes on traceparent, and carries text and binary', async () => {
      const face = new EchoStreams();
      const { port } = await openSocket(name, new EchoFace(), {}, face);
      const client = new WebSocket(`ws://127.0.0.1:${port}/ws?x=1`, ['other', 'echo.v1'], {
        headers: { traceparent: 't' },
      });
      await once(client, 'open');
      assert.equal(client.protocol, 'echo.v1');
      assert.equal(face.traceparent, 't');
      for (const frame of ['text ä', Buffer.from([0, 1, 255]), 'x'.repeat(200_000)]) {
        client.send(frame);
        const [data, binary] = await once(client, 'message');
        assert.equal(binary, typeof frame !== 'string');
        assert.deepEqual(Buffer.from(data), Buffer.from(frame));
      }
      client.close(1000);
      await until(() => face.codes.length === 1);
      assert.deepEqual(face.codes, [1000]);
    });

    it('refuses other paths and subprotocols with 400 and serves HTTP on', async () => {
      const { port } = await openSocket(name, new EchoFace(), {}, new EchoStreams());
      for (const [path, protocol] of [
        ['/other', 'echo.v1'],
        ['/ws', 'other'],
      ]) {
        const client = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocol);
        const [, response] = await once(client, 'unexpected-response');
        assert.equal(response.statusCode, 400);
        response.resume();
        client.on('error', () => undefined);
        client.terminate();
      }
    });

    it('closes with the code and the reason of the face', async () => {
      const face = new EchoStreams();
      const { port } = await openSocket(name, new EchoFace(), {}, face);
      const client = new WebSocket(`ws://127.0.0.1:${port}/ws`, 'echo.v1');
      await once(client, 'open');
      face.connections[0]?.close(4001, 'enough');
      const [code, reason] = await once(client, 'close');
      assert.deepEqual([code, reason.toString()], [4001, 'enough']);
      await until(() => face.codes.length === 1);
      assert.equal(face.connections[0]?.send('too late'), false);
      assert.equal(face.connections[0]?.buffered_bytes, 0);
    });

    it('drops who sends frames that are too large', async () => {
      const face = new EchoStreams();
      const { port } = await openSocket(name, new EchoFace(), { ws_max_message_bytes: 1000 }, face);
      const client = new WebSocket(`ws://127.0.0.1:${port}/ws`, 'echo.v1');
      client.on('error', () => undefined);
      await once(client, 'open');
      client.send('x'.repeat(2000));
      await once(client, 'close');
      await until(() => face.codes.length === 1);
    });

    it('holds no more for a client that never reads than four marks and a frame, and closes it', async () => {
      const face = new EchoStreams();
      const mark_bytes = 64 * 1024;
      const { port } = await openSocket(name, new EchoFace(), { ws_buffered_bytes: mark_bytes }, face);
      const client = await RawClient.open(port);
      client.send(HANDSHAKE);
      await until(() => face.connections.length === 1);
      client.socket.pause();
      const frame = Buffer.alloc(16 * 1024);
      const connection = face.connections[0];
      assert.ok(connection !== undefined);
      let most = 0;
      let paused = false;
      for (let sent = 0; sent < 4000; sent++) {
        if (!connection.send(frame)) paused = true;
        most = Math.max(most, connection.buffered_bytes);
        if (sent % 50 === 0) await later(0);
      }
      assert.ok(paused);
      assert.ok(most <= mark_bytes * 4 + 2 * frame.length, `${most} bytes were held`);
      client.close();
      await until(() => face.codes.length === 1);
    });

    it('tells when a slow reader has caught up', async () => {
      const face = new EchoStreams();
      const { port } = await openSocket(name, new EchoFace(), { ws_buffered_bytes: 64 * 1024 }, face);
      const client = await RawClient.open(port);
      client.send(HANDSHAKE);
      await until(() => face.connections.length === 1);
      client.socket.pause();
      const connection = face.connections[0];
      assert.ok(connection !== undefined);
      while (connection.send(Buffer.alloc(16 * 1024))) await later(0);
      assert.equal(face.drains, 0);
      client.socket.resume();
      await until(() => face.drains === 1);
      assert.equal(connection.send('on we go'), true);
      client.close();
    });

    it('drops all connections at the end', async () => {
      const face = new EchoStreams();
      const socket = await openSocket(name, new EchoFace(), {}, face);
      const client = new WebSocket(`ws://127.0.0.1:${socket.port}/ws`, 'echo.v1');
      client.on('error', () => undefined);
      await once(client, 'open');
      socket.destroy();
      await once(client, 'close');
    });
  });
}
