import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { findNatsServer } from '../../bus/server/nats-program.js';
import { until } from '../harness/ask.js';
import { BUILT, modelFolder } from '../harness/checkout.js';
import { PROGRAMS } from '../harness/nats-process.js';
import { tidegate } from './command.js';

test('up prints what is served, a curl line that works when pasted, and addresses; a signal ends it with 0', async (t) => {
  const models = await modelFolder(t, ['scale', 'text']);
  const args = [
    join(BUILT, 'cli', 'main.js'),
    'up',
    '--models',
    models,
    '--port',
    '0',
    '--store-port',
    '0',
    '--control-port',
    '0',
    '--nats-port',
    '0',
    '--nats-server',
    await findNatsServer('', PROGRAMS, () => undefined),
  ];
  const child = spawn(process.execPath, args, { cwd: models, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.on('close', (code) => resolve(code)));
  t.after(() => void child.kill('SIGKILL'));
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString('utf8');
  });
  await until('it says how to stop it', () => output.includes('Stop: '));
  assert.match(output, /^scale +2 +READY/m);
  assert.match(output, /^text +1 +READY/m);
  const url = /^Open: +(http:\S+)\/v2$/m.exec(output)?.[1] ?? '';
  assert.match(output, new RegExp(`^WebSocket: +${url.replace('http', 'ws')}/v2/ws`, 'm'));
  assert.equal((await fetch(`${url}/v2`)).status, 200);
  const [flag, address, body] = pasted(/^ +(curl .*)$/m.exec(output)?.[1] ?? '');
  assert.equal(flag, '-s');
  const answer = await fetch(address, { method: 'POST', body });
  assert.equal(answer.status, 200, await answer.text());
  const control = /^Control: +(http:\S+)\/v1/m.exec(output)?.[1] ?? '';
  const push = ['push', join(models, 'text', '1'), '--model', 'pushed', '--control-url', control];
  const pushed = await tidegate(push);
  assert.equal(pushed.code, 0, pushed.stderr);
  const deployed = await tidegate(['deploy', 'pushed@1', '--control-url', control]);
  assert.equal(deployed.code, 0, deployed.stdout + deployed.stderr);
  assert.equal((await fetch(`${url}/v2/models/pushed/ready`)).status, 200, 'the fleet of one serves what was deployed');
  child.kill('SIGTERM');
  assert.equal(await ended, 0);
});

/** What a shell makes of the line: its first argument, the address and the body. */
function pasted(line: string): [first: string, address: string, body: string] {
  const script = `curl() { for each in "$@"; do printf '%s\\0' "$each"; done; }\n${line}`;
  const [first, dash, body, address] = spawnSync('sh', ['-c', script], { encoding: 'utf8' }).stdout.split('\0');
  assert.equal(dash, '-d', line);
  return [first, address, body];
}

test('a port that is taken is an error that names it, however far the models have loaded', async (t) => {
  const models = await modelFolder(t, ['scale', 'text', 'whole']);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  for (let time = 0; time < 4; time++) {
    const args = ['runtime', '--models', models, '--port', String(address.port), '--log-level', 'error'];
    const { code, stderr } = await tidegate(args);
    assert.equal(code, 2, stderr);
    assert.match(stderr, new RegExp(`port ${address.port} .* is taken.*TIDEGATE_HTTP_PORT`));
  }
});

test('a folder that is not there is an error that names it', async () => {
  const { code, stderr } = await tidegate(['runtime', '--models', 'no-such-folder', '--port', '0']);
  assert.notEqual(code, 0);
  assert.match(stderr, /^tidegate: .*no-such-folder/);
});
