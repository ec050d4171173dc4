import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { TidegateClient } from '../../client/index.js';
import { SOCKET_KINDS, serve } from '../client/server.js';
import { uwsMissing } from '../harness/uws.js';
import { infer, messageOf } from './rig.js';

const MARK = 64 * 1024;
const ROWS = 4096;
const RESULT_BYTES = 2 * ROWS * 8;

function connected(url: string): Promise<WebSocket> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v2/ws`, ['tidegate.v1']);
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(socket));
    socket.once('error', reject);
  });
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setTimeout(resolve, 1));
}

for (const kind of SOCKET_KINDS) {
  const skip = kind === 'uws' && uwsMissing;

  test(`${kind}: a client that stops reading costs bounded memory and hinders nobody`, { skip }, async (t) => {
    const server = await serve(kind, { ws_buffered_bytes: MARK, ws_credits: 8 });
    t.after(server.stop);
    server.inference.grow = ROWS;
    const lazy = await connected(server.url);
    t.after(() => lazy.terminate());
    const heard: ReturnType<typeof messageOf>[] = [];
    lazy.on('message', (data, isBinary) =>
      heard.push(messageOf(isBinary && Buffer.isBuffer(data) ? data : String(data))),
    );
    lazy.send(JSON.stringify({ type: 'open', stream: 1, model: 'echo', parameters: { binary_data_output: true } }));
    while (heard.length === 0) await turns(1);
    lazy.pause();
    let most = 0;
    // Far beyond what the kernel's buffers take, were all of it computed and sent.
    for (let i = 0; i < 2000; i++) {
      lazy.send(JSON.stringify(infer(1, `m${i}`)));
      if (i % 20 === 0) await turns(1);
      most = Math.max(most, server.face.unsent_bytes);
      if (server.face.open_connections === 0) break;
    }
    await turns(20);
    most = Math.max(most, server.face.unsent_bytes);
    assert.ok(most <= 4 * MARK + 8 * (RESULT_BYTES + 600), `${most} bytes waited for one client`);

    server.inference.grow = 1;
    const other = await new TidegateClient(server.url).connect();
    t.after(() => other.close());
    const stream = await other.openStream('echo');
    assert.deepEqual((await stream.infer({ x: [1, 2] })).outputs['y'].data, Float32Array.of(1, 2));
    await other.close();

    lazy.resume();
    while (server.face.unsent_bytes > 0) await turns(1);
  });
}
