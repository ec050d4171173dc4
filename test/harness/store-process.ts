import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClickHouseClient, createClient } from '@clickhouse/client';
import { storeEnvironment } from '../../store/environment.js';
import { until } from './ask.js';
import { BUILT, type Cleanup } from './checkout.js';

const LISTENING = /listening on (http:\/\/127\.0\.0\.1:(\d+))/;

/** `tidegate store` as users start it; it may be killed and started again on the same data and the same port. */
export class StoreProcess {
  readonly directory: string;
  readonly client: ClickHouseClient;
  readonly port: number;
  #child: ChildProcess;

  private constructor(directory: string, child: ChildProcess, port: number) {
    this.directory = directory;
    this.#child = child;
    this.port = port;
    // What fails while it is dead is part of the tests, and not for their output.
    this.client = createClient({ url: this.url, request_timeout: 60_000, log: { level: 127 } });
  }

  static async start(directory: string): Promise<StoreProcess> {
    const [child, port] = await spawnStore(directory, 0);
    return new StoreProcess(directory, child, port);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get child(): ChildProcess {
    return this.#child;
  }

  /** After `kill`: on the same folder and port. */
  async restart(): Promise<void> {
    [this.#child] = await spawnStore(this.directory, this.port);
  }

  /** SIGKILL, and gone when this resolves. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (hasEnded(child)) return;
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGKILL');
    await ended;
  }
}

async function spawnStore(directory: string, port: number): Promise<[child: ChildProcess, port: number]> {
  const args = ['store', '--store-port', String(port), '--data-dir', directory, '--log-format', 'json'];
  const child = spawn(process.execPath, [join(BUILT, 'cli', 'main.js'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...storeEnvironment() },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
    });
  }
  await until('the store listens', () => {
    if (hasEnded(child)) throw new Error(`the store ended before it listened:\n${output}`);
    return LISTENING.test(output);
  });
  return [child, Number(LISTENING.exec(output)?.[2])];
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** A store in a folder of its own, ended and removed behind the test. */
export async function startStoreProcess(t: Cleanup): Promise<StoreProcess> {
  const directory = await mkdtemp(join(tmpdir(), 'tidegate-store-'));
  const store = await StoreProcess.start(directory);
  t.after(async () => {
    await store.client.close();
    await store.kill();
    await rm(directory, { recursive: true, force: true });
  });
  return store;
}
