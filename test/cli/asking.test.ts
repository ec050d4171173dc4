import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer as createTcpServer } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { type Cleanup, modelFolder } from '../harness/checkout.js';
import { startRuntime } from '../harness/runtime.js';
import { type Ran, tidegate } from './command.js';

describe('asking a node', () => {
  const cleanups: (() => Promise<void> | void)[] = [];
  const suite: Cleanup = { after: (action) => void cleanups.push(action) };
  let url = '';
  const ask = (...args: string[]): Promise<Ran> => tidegate([...args, '--url', url]);

  before(async () => {
    const models = await modelFolder(suite, ['scale', 'text', 'whole']);
    ({ url } = await startRuntime(suite, models));
  });
  after(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
  });

  test('served shows every version and its state', async () => {
    const { code, stdout } = await ask('served');
    assert.equal(code, 0);
    assert.match(stdout, /^MODEL +VERSION +STATE +REASON$/m);
    assert.match(stdout, /^scale +2 +READY$/m);
    assert.match(stdout, /^text +1 +READY$/m);
  });

  test('predict answers with a row made from the signature, with random values, and with what it is given', async () => {
    for (const args of [['scale'], ['scale', '--random'], ['text'], ['text', '--random'], ['whole', '--random']]) {
      const { code, stdout, stderr } = await ask('predict', ...args);
      assert.equal(code, 0, `${args}: ${stderr}`);
      assert.equal(JSON.parse(stdout).model_name, args[0]);
    }
    const sample = JSON.parse((await ask('predict', 'scale', '--version', '2')).stdout);
    assert.equal(sample.model_version, '2');
  });

  test('what a node refuses ends with 3 and its own words', async () => {
    for (const [args, says] of [
      [['scale', '--version', '7'], /'scale' version 7 is not found \(MODEL_NOT_FOUND\)/],
      [['none'], /'none' is not found \(MODEL_NOT_FOUND\)/],
      [['scale', '--json', '{}'], /inputs.*\(INVALID_REQUEST\)/],
    ] as const) {
      const { code, stderr } = await ask('predict', ...args);
      assert.equal(code, 3, stderr);
      assert.match(stderr, says);
    }
  });

  test('status says what serves and what the models have done', async () => {
    await ask('predict', 'scale');
    const { code, stdout } = await ask('status');
    assert.equal(code, 0);
    assert.match(stdout, /^tidegate \S+ at http:\S+ \(\S+\): ready, \d+ of \d+ versions serve$/m);
    assert.match(stdout, /^scale +2 +cpu +[1-9]\d* +0 +1\.0 +\S+ (us|ms) +\S+ (us|ms)$/m);
  });
});

test('where nothing answers a command ends with 4 and says how to start a node', async () => {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const { code, stderr } = await tidegate(['status'], { env: { TIDEGATE_HTTP_PORT: String(port) } });
  assert.equal(code, 4, stderr);
  assert.match(
    stderr,
    new RegExp(`nothing answers at http://127\\.0\\.0\\.1:${port} \\(.*ECONNREFUSED.*\\): start a node`),
  );
});

test('a stranger at the address is named as one', async (t) => {
  const server = createServer((_request, response) => response.end('<html>'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const { code, stderr } = await tidegate(['served', '--url', `http://127.0.0.1:${port}`]);
  assert.equal(code, 1);
  assert.match(stderr, /is no Tidegate node/);
});
