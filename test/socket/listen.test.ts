import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEFAULT_LIMITS } from '../../contract/limits.js';
import { listen } from '../../runtime/socket/listen.js';
import { EchoFace, missing, openSocket, SOCKETS } from './rig.js';

for (const name of SOCKETS) {
  describe(`listening with ${name}`, { skip: await missing(name) }, () => {
    it('names the port, the setting and the holder when the port is taken, by either kind', async () => {
      for (const other of SOCKETS) {
        if (await missing(other)) continue;
        const { port } = await openSocket(other, new EchoFace());
        const options = { host: '127.0.0.1', port, limits: DEFAULT_LIMITS, choice: name, websocket: undefined };
        await assert.rejects(listen({ ...options, http: new EchoFace() }), (error) => {
          assert.ok(error instanceof Error);
          assert.match(error.message, new RegExp(`port ${port} `));
          assert.match(error.message, /TIDEGATE_HTTP_PORT/);
          if (process.platform === 'linux') assert.match(error.message, new RegExp(`pid ${process.pid}\\)`));
          return true;
        });
      }
    });

    it('says which one serves', async () => {
      const socket = await openSocket(name, new EchoFace());
      assert.equal(socket.kind, { uws: 'uWebSockets.js', net: 'node:net', node: 'node:http' }[name]);
      assert.ok(socket.port > 0);
    });
  });
}
