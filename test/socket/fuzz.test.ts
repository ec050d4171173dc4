import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ask, chunked, RawClient, request } from './raw-client.js';
import { EchoFace, missing, openSocket, SOCKETS } from './rig.js';

const BODY = '{"a":[1,2,3]}';
const VALID = [
  request(),
  request({ body: BODY }),
  request({ method: 'POST', headers: ['Transfer-Encoding: chunked'] }) + chunked(BODY, 4),
  request({ path: '/late', headers: ['Connection: close', 'Accept-Encoding: gzip'] }),
];

/** A valid request of which some bytes were replaced, inserted or cut out. */
const mutated = fc
  .tuple(
    fc.constantFrom(...VALID),
    fc.array(fc.tuple(fc.nat(), fc.nat(3), fc.uint8Array({ maxLength: 6 })), { minLength: 1, maxLength: 4 }),
  )
  .map(([text, edits]) => {
    let bytes = Buffer.from(text);
    for (const [place, cut, insert] of edits) {
      const at = place % (bytes.length + 1);
      bytes = Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + cut)]);
    }
    return bytes;
  });

const anything = fc.oneof(mutated, fc.uint8Array({ maxLength: 300 }).map(Buffer.from));

for (const name of SOCKETS) {
  describe(`bytes of any kind to ${name}`, { skip: await missing(name) }, () => {
    it('never end the process, and the next request is served', async () => {
      const { port } = await openSocket(name, new EchoFace());
      await fc.assert(
        fc.asyncProperty(fc.array(anything, { minLength: 1, maxLength: 8 }), async (inputs) => {
          await Promise.all(
            inputs.map(async (bytes) => {
              const client = await RawClient.open(port);
              client.send(bytes);
              // Whatever it was: with its end the server is done with it.
              client.socket.end();
              await client.hungUp();
              client.close();
            }),
          );
          assert.equal((await ask(port, request({ body: BODY })))?.body.toString(), `POST /echo |${BODY}`);
        }),
        { numRuns: 60 },
      );
    });
  });
}
