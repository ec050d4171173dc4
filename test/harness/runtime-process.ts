import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { until } from './ask.js';
import { BUILT, type Cleanup } from './checkout.js';

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface RuntimeProcess {
  readonly child: ChildProcess;
  readonly url: string;
  readonly port: number;
  readonly ended: Promise<Ending>;
  /** What it has logged so far. */
  output(): string;
}

/** `tidegate runtime` as users start it, on a port that the system gives; killed behind the test if it still runs. */
export async function startRuntimeProcess(
  t: Cleanup,
  models: string,
  args: readonly string[] = [],
  command: readonly [program: string, ...args: string[]] = [process.execPath, join(BUILT, 'cli', 'main.js')],
): Promise<RuntimeProcess> {
  const [program, ...first] = command;
  const child = spawn(
    program,
    [...first, 'runtime', '--models', models, '--port', '0', '--log-format', 'json', ...args],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString('utf8');
  });
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk.toString('utf8');
  });
  let running = true;
  const ended = new Promise<Ending>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      running = false;
      resolve({ code, signal });
    });
  });
  t.after(async () => {
    if (running) child.kill('SIGKILL');
    await ended;
  });
  const listening = /listening on (http:\/\/127\.0\.0\.1:(\d+))/;
  await until('the runtime listens', () => {
    if (!running) throw new Error(`the runtime ended before it listened:\n${output}`);
    return listening.test(output);
  });
  const [, url, port] = listening.exec(output) ?? ['', '', ''];
  await until('the runtime is ready', async () => (await fetch(`${url}/v2/health/ready`)).ok);
  return { child, url, port: Number(port), ended, output: () => output };
}
