import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readCalibrationRows } from '../../../cli/model-tools/calibration-rows.js';
import { FIXTURES, temporaryFolder } from '../../harness/checkout.js';
import { tidegate } from '../command.js';

const SINGLE = join(FIXTURES, 'quantised', 'single', '1', 'model.onnx');
const row = (name: string, shape: readonly number[], data: unknown, datatype = 'FP32') =>
  JSON.stringify({ inputs: [{ name, datatype, shape, data }] });

test('an optimised graph is written with what it costs and what it brings, and answers as before', async (t) => {
  const folder = await temporaryFolder(t);
  const output = join(folder, 'mine', '2', 'model.onnx');
  const rows = join(folder, 'rows.jsonl');
  const eight = Array.from({ length: 8 }, (_, at) => at / 8);
  await writeFile(rows, `${row('x', [1, 8], eight)}\n\n${row('x', [2, 8], [eight, eight])}\n`);
  const { code, stdout, stderr } = await tidegate(['optimize', SINGLE, '--output', output, '--rows', rows]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^y +\S+ +\S+ +\S+ +yes$/m);
  assert.match(stdout, /^after +[\d.]+ MB +[\d.]+ ms +[\d.]+ times as fast$/m);
  assert.ok(existsSync(output) && !existsSync(`${output}.part`));
});

test('another model than the one asked for, a wrong mode and a missing file are refused, and nothing is written', async (t) => {
  const folder = await temporaryFolder(t);
  const output = join(folder, 'model.onnx');
  const missing = await tidegate(['optimize', join(folder, 'none.onnx'), '--output', output]);
  assert.deepEqual([missing.code, /none\.onnx' is not there/.test(missing.stderr)], [2, true], missing.stderr);
  const mode = await tidegate(['optimize', SINGLE, '--output', output, '--mode', 'int4']);
  assert.deepEqual([mode.code, /graph, fp16, int8/.test(mode.stderr)], [2, true], mode.stderr);
  const source = await tidegate(['convert', folder, '--output', output]);
  assert.deepEqual([source.code, /neither a SavedModel's directory/.test(source.stderr)], [2, true], source.stderr);
  assert.ok(!existsSync(output));
});

test('rows are read line by line in their own types, and a wrong one is told with its place', async (t) => {
  const file = join(await temporaryFolder(t), 'rows.jsonl');
  await writeFile(file, `${row('n', [2], [-1, 2 ** 40], 'INT64')}\n${row('b', [1, 2], [[true, false]], 'BOOL')}\n`);
  const [[first], [second]] = await readCalibrationRows(file);
  assert.deepEqual(first.data, new Uint8Array(BigInt64Array.of(-1n, 2n ** 40n).buffer));
  assert.deepEqual(second.data, Uint8Array.of(1, 0));
  for (const [line, says] of [
    ['{', /rows\.jsonl:1 is not JSON/],
    ['{}', /rows\.jsonl:1 is no request: .*inputs/s],
    [row('x', [3], [1, 2]), /input 'x' has 2 values, its shape takes 3/],
    [row('x', [1], [1], 'FP8'), /one of BOOL/],
    ['', /holds no request/],
  ] as const) {
    await writeFile(file, line);
    await assert.rejects(readCalibrationRows(file), says);
  }
});
