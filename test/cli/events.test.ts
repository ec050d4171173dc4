import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { EventParser, type ServerEvent } from '../../cli/events.js';
import { until } from '../harness/ask.js';
import { BUILT } from '../harness/checkout.js';
import { startControlProcess } from '../harness/control-process.js';
import { tidegate } from './command.js';

test('however a stream is cut into chunks, the same events come out', () => {
  const text =
    'id: a-1\nretry: 2000\n\n: a-2\n\nid: a-3\nevent: x\ndata: {"n":1}\n\nevent: y\ndata: {}\n\nid: a-4\n\ndata: half';
  const whole = [...new EventParser().take(text)];
  assert.deepEqual(whole, [
    { id: 'a-3', kind: 'x', data: '{"n":1}' },
    { id: 'a-3', kind: 'y', data: '{}' },
  ]);
  fc.assert(
    fc.property(fc.array(fc.nat(text.length)), (cuts) => {
      const parser = new EventParser();
      const events: ServerEvent[] = [];
      let from = 0;
      for (const to of [...cuts.sort((a, b) => a - b), text.length]) {
        events.push(...parser.take(text.slice(from, to)));
        from = to;
      }
      assert.deepEqual(events, whole);
      assert.equal(parser.id, 'a-4');
    }),
  );
});

test('events prints what others change, and ends with 4 where nothing answers', async (t) => {
  const { url } = await startControlProcess(t, 'http://127.0.0.1:9');
  const child = spawn(process.execPath, [join(BUILT, 'cli', 'main.js'), 'events', '--control-url', url], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString('utf8');
  });
  // It follows from when it has come in: changes are made until one is seen.
  await until('an event is printed', async () => {
    await tidegate(['token', 'create', '--name', 'x', '--role', 'viewer', '--control-url', url]);
    return /changed\.tokens {2}method="POST" {2}path="\/v1\/tokens" {2}what="Make a token" {2}by="local"/.test(output);
  });
  const away = await tidegate(['events', '--control-url', 'http://127.0.0.1:9']);
  assert.equal(away.code, 4);
});
