import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Bus, type BusSettings, connectBus } from '../../bus/connection.js';
import { declareAll } from '../../bus/declare.js';
import { controlSeed, nodeSeed } from '../../bus/server/keys.js';
import { findNatsServer } from '../../bus/server/nats-program.js';
import { createLog } from '../../std/log.js';
import { until } from './ask.js';
import { BUILT, CHECKOUT, type Cleanup } from './checkout.js';

const LISTENING = /listening on (nats:\/\/127\.0\.0\.1:(\d+))/;
/** Where tests keep the one server that they all run. */
export const PROGRAMS = join(CHECKOUT, 'node_modules', '.cache', 'tidegate');

const silent = createLog({ level: 'fatal', format: 'json', service: 'test', node: 'test' });

/** `tidegate nats` as users start it; it may be killed and started again on the same data and the same port. */
export class NatsProcess {
  readonly directory: string;
  readonly port: number;
  readonly #flags: readonly string[];
  #child: ChildProcess;

  private constructor(directory: string, flags: readonly string[], child: ChildProcess, port: number) {
    this.directory = directory;
    this.#flags = flags;
    this.#child = child;
    this.port = port;
  }

  static async start(directory: string, more: readonly string[] = []): Promise<NatsProcess> {
    const named = ['--nats-server', await findNatsServer('', PROGRAMS, () => undefined)];
    const [child, port] = await spawnNats(directory, [...named, ...more], 0);
    return new NatsProcess(directory, [...named, ...more], child, port);
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  get child(): ChildProcess {
    return this.#child;
  }

  /** What a control plane connects with. */
  get settings(): BusSettings {
    const seed = controlSeed(join(this.directory, 'nats'));
    return { ...PLAIN, nats_url: this.url, nats_seed_file: seed };
  }

  /** A connection of a control plane, with everything declared; closed behind the test. */
  async connect(t: Cleanup): Promise<Bus> {
    const bus = await connectBus(this.settings, silent, 'control');
    t.after(() => bus.connection.close());
    await declareAll(bus);
    return bus;
  }

  /** What a node of this name connects with: its own user, which the server takes at once. */
  async nodeSettings(name: string): Promise<BusSettings> {
    const seed = await nodeSeed(join(this.directory, 'nats'), PLAIN.environment, name);
    this.#child.kill('SIGHUP');
    return { ...PLAIN, nats_url: this.url, nats_seed_file: seed, node_name: name };
  }

  /** The number of the real server's process. */
  async serverPid(): Promise<number> {
    return Number(await readFile(join(this.directory, 'nats', 'pid'), 'utf8'));
  }

  /** After `kill`: on the same folder and port. */
  async restart(): Promise<void> {
    [this.#child] = await spawnNats(this.directory, this.#flags, this.port);
  }

  /** SIGKILL to the real server, and its supervisor gone too when this resolves. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (hasEnded(child)) return;
    const ended = new Promise((resolve) => child.once('close', resolve));
    const pid = await this.serverPid();
    process.kill(pid, 'SIGKILL');
    await ended;
  }
}

const PLAIN: BusSettings = {
  nats_url: '',
  nats_seed_file: '',
  nats_creds_file: '',
  nats_user: '',
  nats_password: '',
  nats_ca_file: '',
  nats_replicas: 1,
  environment: 'prod',
  node_name: 'control',
};

async function spawnNats(
  directory: string,
  flags: readonly string[],
  port: number,
): Promise<[child: ChildProcess, port: number]> {
  const args = ['nats', '--nats-port', String(port), '--data-dir', directory, ...flags];
  const child = spawn(process.execPath, [join(BUILT, 'cli', 'main.js'), ...args, '--log-format', 'json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
    });
  }
  await until('nats-server listens', () => {
    if (hasEnded(child)) throw new Error(`tidegate nats ended before it listened:\n${output}`);
    return LISTENING.test(output);
  });
  return [child, Number(LISTENING.exec(output)?.[2])];
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** A NATS in a folder of its own, ended and removed behind the test. */
export async function startNatsProcess(t: Cleanup, more: readonly string[] = []): Promise<NatsProcess> {
  const directory = await mkdtemp(join(tmpdir(), 'tidegate-nats-'));
  const nats = await NatsProcess.start(directory, more);
  t.after(async () => {
    await nats.kill();
    await rm(directory, { recursive: true, force: true });
  });
  return nats;
}
