import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { TRITON_MODELS } from '../harness/checkout.js';
import { SOCKETS, startRuntime } from '../harness/runtime.js';
import { runCase, tritonCases } from '../harness/triton-case.js';
import { judge } from '../harness/triton-judge.js';
import { uwsMissing } from '../harness/uws.js';

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
          it(recorded.name, async () => {
            assert.deepEqual(judge(recorded, await runCase(port, recorded)), []);
          });
        }
      });
    }
  });
}
