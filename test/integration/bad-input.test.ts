import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Cleanup, modelFolder, TRITON_MODELS } from '../harness/checkout.js';
import { SOCKETS, startRuntime } from '../harness/runtime.js';
import { requestBytes } from '../harness/triton-case.js';
import { uwsMissing } from '../harness/uws.js';
import { WireConnection, type WireOutcome } from '../harness/wire-connection.js';

import { type Bad, CLOSED, GOOD, MAX_BODY, MESSAGES, TRANSPORT, UWS_CANNOT } from './bad-requests.js';

const MODELS = ['add_sub_int32', 'identity_int8', 'identity_fp32', 'identity_bytes', 'identity_bool'];
const SECONDS = 10;

function statusOf(outcome: WireOutcome): number {
  return outcome.outcome === 'answered' ? outcome.answer.status : outcome.outcome === 'closed' ? CLOSED : Number.NaN;
}

async function isServed(port: number): Promise<void> {
  const connection = await WireConnection.open(port);
  connection.send(requestBytes(GOOD, port));
  const outcome = await connection.receive('POST', SECONDS);
  connection.destroy();
  assert.equal(statusOf(outcome), 200, 'the next request works');
}

async function tryBad(port: number, bad: Bad): Promise<void> {
  const connection = await WireConnection.open(port);
  try {
    connection.send(Buffer.isBuffer(bad.request) ? bad.request : requestBytes(bad.request, port));
    if (bad.halfClose) connection.closeSending();
    const outcome = await connection.receive('POST', SECONDS);
    const status = statusOf(outcome);
    const shown = outcome.outcome === 'answered' ? outcome.answer.body.toString('utf8').slice(0, 300) : outcome.outcome;
    assert.ok(bad.wanted.includes(status), `${status}: ${shown}`);
    // What uWebSockets.js answers by itself is HTML.
    const isItsOwn = shown.startsWith('<h1>');
    if (outcome.outcome === 'answered' && status !== 200 && !isItsOwn) isClear(shown, bad.code);
  } finally {
    connection.destroy();
  }
  await isServed(port);
}

/** An error says what was wrong in a sentence, and carries a code. */
function isClear(body: string, code: string | undefined): void {
  const error: { readonly error?: unknown; readonly code?: unknown } = JSON.parse(body);
  assert.equal(typeof error.error, 'string', body);
  assert.ok(String(error.error).length > 5, body);
  if (code !== undefined) assert.equal(error.code, code, body);
}

for (const socket of SOCKETS) {
  describe(`bad input to ${socket} gets a clear error, and the next request works`, {
    skip: socket === 'uws' && uwsMissing,
  }, () => {
    let port = 0;
    const cleanups: (() => Promise<void> | void)[] = [];
    before(async () => {
      const t: Cleanup = { after: (action) => cleanups.push(action) };
      const limits = {
        max_body_bytes: MAX_BODY,
        max_queue_bytes: 1 << 20,
        ws_max_message_bytes: MAX_BODY,
        request_timeout_ms: 700,
      };
      ({ port } = await startRuntime(t, await modelFolder(t, MODELS, TRITON_MODELS), { socket, limits }));
    });
    after(async () => {
      for (const cleanup of cleanups.reverse()) await cleanup();
    });
    for (const bad of MESSAGES) {
      it(bad.what, async () => {
        await tryBad(port, bad);
      });
    }
    for (const bad of TRANSPORT) {
      it(`on the wire: ${bad.what}`, { skip: socket === 'uws' && UWS_CANNOT.get(bad.what) }, async () => {
        await tryBad(port, bad);
      });
    }
    it('all of it on one connection, as long as it stays open', async () => {
      const connection = await WireConnection.open(port);
      for (const { what, request, wanted } of MESSAGES) {
        if (Buffer.isBuffer(request) || request.headers?.['Content-Encoding'] !== undefined) continue;
        connection.send(requestBytes(request, port));
        const status = statusOf(await connection.receive(request.method, SECONDS));
        assert.ok(wanted.includes(status), `${what}: ${status}`);
      }
      connection.send(requestBytes(GOOD, port));
      assert.equal(statusOf(await connection.receive('POST', SECONDS)), 200);
      connection.destroy();
    });
  });
}
