import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { TidegateClient } from '../../client/index.js';
import { fromHalf, toHalf } from '../../runtime/worker/backend/half-float.js';
import { FIXTURES, modelFolder } from '../harness/checkout.js';
import { startRuntime } from '../harness/runtime.js';

const NAMES = ['single', 'half', 'dynamic', 'static'] as const;
const ROWS = Array.from({ length: 6 }, (_, row) => Array.from({ length: 8 }, (_, at) => Math.sin(row * 8 + at + 1)));

test('FP16 and INT8 forms of a network are served as they are, and answer close to the one they were made of', async (t) => {
  const { url } = await startRuntime(t, await modelFolder(t, NAMES, join(FIXTURES, 'quantised')));
  const client = new TidegateClient(url);
  const ask = async (model: string, rows: readonly (readonly number[])[]): Promise<number[]> => {
    const values = rows.flat();
    const data = model === 'half' ? Uint16Array.from(values, toHalf) : Float32Array.from(values);
    const { outputs } = await client.infer(model, {
      x: { data, datatype: model === 'half' ? 'FP16' : 'FP32', shape: [rows.length, 8] },
    });
    const { data: answer, datatype, shape } = outputs.y;
    assert.deepEqual([datatype, shape], [model === 'half' ? 'FP16' : 'FP32', [rows.length, 4]]);
    return [...answer].map((value) => (model === 'half' ? fromHalf(Number(value)) : Number(value)));
  };
  const right = await ask('single', ROWS);
  for (const [model, tolerance] of [
    ['half', 0.005],
    ['dynamic', 0.1],
    ['static', 0.1],
  ] as const) {
    const together = await ask(model, ROWS);
    const far = Math.max(...together.map((value, at) => Math.abs(value - right[at])));
    assert.ok(far > 0 && far < tolerance, `${model} is off by ${far}`);
    // Ranges that are taken from the batch, as those of activations in the dynamic form, move with who shares it.
    const alone = (await Promise.all(ROWS.map((row) => ask(model, [row])))).flat();
    const apart = Math.max(...alone.map((value, at) => Math.abs(value - together[at])));
    assert.ok(apart <= (model === 'dynamic' ? tolerance : 1e-6), `${model} alone and in a batch: ${apart}`);
  }
});
