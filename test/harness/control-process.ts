import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './ask.js';
import { BUILT, type Cleanup } from './checkout.js';

const LISTENING = /listening on (http:\/\/127\.0\.0\.1:\d+)/;

export interface ControlProcess {
  readonly url: string;
  readonly child: ChildProcess;
  /** SIGKILL, and gone when this resolves. */
  kill(): Promise<void>;
}

/** `tidegate control-plane` on a port that the system gives; killed behind the test if it still runs. */
export async function startControlProcess(
  t: Cleanup,
  clickhouse: string,
  args: readonly string[] = [],
): Promise<ControlProcess> {
  // One of its own: two control planes do not share a folder.
  const directory = await mkdtemp(join(tmpdir(), 'tidegate-control-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const program = [
    join(BUILT, 'cli', 'main.js'),
    'control-plane',
    '--control-port',
    '0',
    '--log-format',
    'json',
    '--data-dir',
    directory,
    ...args,
  ];
  const child = spawn(process.execPath, program, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, CLICKHOUSE_URL: clickhouse },
  });
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGKILL');
    await ended;
  };
  t.after(kill);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString('utf8');
  });
  await until('the control plane listens', () => {
    if (child.exitCode !== null) throw new Error(`the control plane ended before it listened:\n${output}`);
    return LISTENING.test(output);
  });
  return { url: LISTENING.exec(output)?.[1] ?? '', child, kill };
}
