import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, askSlow, floats } from '../harness/ask.js';
import { modelFolder } from '../harness/checkout.js';
import { startRuntime } from '../harness/runtime.js';

test('a model that is quick runs on the socket thread and answers as it does elsewhere', async (t) => {
  const { url } = await startRuntime(t, await modelFolder(t, ['scale', 'text', 'accumulator']), { inline_us: 100_000 });
  const asked = Array.from({ length: 100 }, async (_, i) => {
    assert.deepEqual((await ask(url, 'scale', [floats('x', [[i, 0, 0, 0]])])).outputs.y, [3 * i, 0, 0, 0]);
    const words = { name: 'x', datatype: 'BYTES', shape: [1, 1], data: [`word ${i}`] };
    assert.deepEqual((await ask(url, 'text', [words])).outputs.y, [`word ${i}`]);
  });
  await Promise.all(asked);
});

test('a model whose time depends on what callers send does not hold up the others', async (t) => {
  const { url } = await startRuntime(t, await modelFolder(t, ['slow', 'scale']), { inline_us: 100_000 });
  let slowIsDone = false;
  const slow = askSlow(url, 10_000).then((asked) => {
    slowIsDone = true;
    return asked;
  });
  for (let i = 0; i < 20; i++) {
    assert.equal((await fetch(`${url}/v2/health/live`)).status, 200);
    assert.equal((await ask(url, 'scale', [floats('x', [[1, 2, 3, 4]])])).status, 200);
  }
  assert.equal(slowIsDone, false, 'the others were answered first');
  assert.equal((await slow).status, 200);
});
