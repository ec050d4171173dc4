import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CommandError } from '../../../cli/exit.js';
import { SupervisedProcess } from '../../../cli/supervise/supervised-process.js';
import { until } from '../../harness/ask.js';

const CHILD = fileURLToPath(new URL('./child.js', import.meta.url));

function supervised(t: TestContext, args: readonly string[], stop_timeout_ms = 20_000) {
  const deaths: string[] = [];
  const restarted: string[] = [];
  const process = new SupervisedProcess({
    name: 'child',
    program: CHILD,
    args,
    env: {},
    stop_timeout_ms,
    onDeath: (how) => deaths.push(how),
    onRestarted: (url) => restarted.push(url),
  });
  t.after(() => process.kill());
  return { process, deaths, restarted };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('it is started when it says so, and ends when it is asked to', async (t) => {
  const { process: child, deaths } = supervised(t, []);
  const url = await child.start();
  assert.equal(url, `pid:${child.pid}`);
  const { pid = 0 } = child;
  await child.stop();
  assert.equal(isAlive(pid), false);
  assert.deepEqual(deaths, []);
});

test('one that was killed comes again', async (t) => {
  const { process: child, deaths, restarted } = supervised(t, []);
  await child.start();
  const first = child.pid ?? 0;
  process.kill(first, 'SIGKILL');
  await until('it was started again', () => restarted.length === 1);
  assert.deepEqual(deaths, ['was ended by SIGKILL']);
  assert.notEqual(child.pid, first);
  assert.deepEqual(restarted, [`pid:${child.pid}`]);
});

test('one that ends before it is ready is an error with its own exit code, and does not come again', async (t) => {
  const { process: child, deaths } = supervised(t, ['fail']);
  await assert.rejects(child.start(), (error) => {
    assert.ok(error instanceof CommandError);
    assert.equal(error.exit, 3);
    assert.match(error.message, /the child did not start: it ended with code 3/);
    return true;
  });
  assert.deepEqual(deaths, []);
  assert.equal(child.pid, undefined);
});

test('one that does not end when it is asked to is ended', async (t) => {
  const { process: child } = supervised(t, ['stubborn'], 100);
  await child.start();
  const { pid = 0 } = child;
  await child.stop();
  assert.equal(isAlive(pid), false);
});

test('a process whose supervisor was killed ends by itself', async (t) => {
  const supervisor = fork(fileURLToPath(new URL('./supervisor.js', import.meta.url)), [CHILD]);
  const [message]: unknown[] = await once(supervisor, 'message');
  const pid = Number(message);
  t.after(() => isAlive(pid) && process.kill(pid, 'SIGKILL'));
  assert.equal(isAlive(pid), true);
  supervisor.kill('SIGKILL');
  await until('the orphan has ended', () => !isAlive(pid));
});
