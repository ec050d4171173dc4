import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { TRITON_MODELS } from '../harness/checkout.js';
import { SOCKETS, startRuntime } from '../harness/runtime.js';
import { runCase, tritonCases } from '../harness/triton-case.js';
import { judge } from '../harness/triton-judge.js';
import { uwsMissing } from '../harness/uws.js';

/** What uWebSockets.js answers by itself, before anybody is asked: the reasons why it is not the default. */
const UWS_CANNOT: ReadonlyMap<string, string> = new Map([
  ['headers/http-1.0', 'uWebSockets.js speaks HTTP/1.1 only: 505'],
  [
    'headers/length-too-short',
    'uWebSockets.js takes the bytes behind a body for a request, and drops the answer that was owed: 505',
  ],
  [
    'headers/length-missing',
    'uWebSockets.js takes the bytes behind a body for a request, and drops the answer that was owed: 505',
  ],
  ['headers/two-hundred-headers', 'uWebSockets.js is silent above about a hundred headers'],
]);

// In the order of recording: some cases change a model and set it right again, some count what the others did.
for (const socket of SOCKETS) {
  describe(`odd requests are answered as Triton answers them: ${socket}`, {
    skip: socket === 'uws' && uwsMissing,
  }, () => {
    let port = 0;
    const cleanups: (() => Promise<void> | void)[] = [];
    before(async () => {
      const runtime = await startRuntime({ after: (action) => cleanups.push(action) }, TRITON_MODELS, { socket });
      port = runtime.port;
    });
    after(async () => {
      for (const cleanup of cleanups.reverse()) await cleanup();
    });
    for (const [theme, cases] of tritonCases()) {
      describe(theme, () => {
        for (const recorded of cases) {
          it(recorded.name, { skip: socket === 'uws' && UWS_CANNOT.get(recorded.name) }, async () => {
            assert.deepEqual(judge(recorded, await runCase(port, recorded)), []);
          });
        }
      });
    }
  });
}
