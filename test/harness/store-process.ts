import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClickHouseClient, createClient } from '@clickhouse/client';
import { storeEnvironment } from '../../store/environment.js';
import { until } from './ask.js';
import { BUILT, type Cleanup } from './checkout.js';

export interface StoreProcess {
  readonly url: string;
  readonly port: number;
  readonly child: ChildProcess;
  readonly client: ClickHouseClient;
  readonly directory: string;
  /** Ends it at once, as a crash does. */
  kill9(): Promise<void>;
  output(): string;
}

export interface StoreChoice {
  /** Data directory; default: a new one, removed behind the test. */
  readonly directory?: string;
  readonly port?: number;
  readonly args?: readonly string[];
}

/** `tidegate store` as users start it, on a port that the system gives; ended behind the test. */
export async function startStoreProcess(t: Cleanup, choice: StoreChoice = {}): Promise<StoreProcess> {
  const directory = choice.directory ?? (await mkdtemp(join(tmpdir(), 'tidegate-store-')));
  const args = ['store', '--store-port', String(choice.port ?? 0), '--data-dir', directory, '--log-format', 'json'];
  const child = spawn(process.execPath, [join(BUILT, 'cli', 'main.js'), ...args, ...(choice.args ?? [])], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...storeEnvironment() },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
    });
  }
  let running = true;
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => {
      running = false;
      resolve();
    });
  });
  const kill9 = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  t.after(async () => {
    await client.close();
    if (running) await kill9();
    if (choice.directory === undefined) await rm(directory, { recursive: true, force: true });
  });
  const listening = /listening on (http:\/\/127\.0\.0\.1:(\d+))/;
  let client = createClient();
  await until('the store listens', () => {
    if (!running) throw new Error(`the store ended before it listened:\n${output}`);
    return listening.test(output);
  });
  const [, url, port] = listening.exec(output) ?? ['', '', ''];
  await client.close();
  client = createClient({ url });
  return { url, port: Number(port), child, client, directory, kill9, output: () => output };
}
