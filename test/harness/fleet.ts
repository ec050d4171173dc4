import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeSeed } from '../../bus/server/keys.js';
import { tidegate } from '../cli/command.js';
import { until } from './ask.js';
import { BUILT, CHECKOUT, type Cleanup } from './checkout.js';
import { type NatsProcess, startNatsProcess } from './nats-process.js';
import { type StoreProcess, startStoreProcess } from './store-process.js';

const LISTENING = /listening on (http:\/\/127\.0\.0\.1:\d+)/;
/** Version n adds n to what it is given. */
const ADDERS = join(CHECKOUT, 'test', 'fixtures', 'triton', 'models', 'two_versions');

/** One process of a fleet, which may be killed and started again with the same arguments. */
export class FleetProcess {
  readonly #args: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  #child: ChildProcess | undefined;
  url = '';
  output = '';

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#args = args;
    this.#env = env;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  async start(): Promise<void> {
    const program = [join(BUILT, 'cli', 'main.js'), ...this.#args, '--log-format', 'json'];
    const env = { ...process.env, ...this.#env };
    const child = spawn(process.execPath, program, { stdio: ['ignore', 'pipe', 'pipe'], env });
    this.#child = child;
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString('utf8');
        this.output = output;
      });
    }
    await until(`${this.#args[0]} listens`, () => {
      if (child.exitCode !== null) throw new Error(`it ended before it listened:\n${output}`);
      return LISTENING.test(output);
    });
    this.url = LISTENING.exec(output)?.[1] ?? '';
  }

  /** SIGKILL, and gone when this resolves. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGKILL');
    await ended;
  }
}

/** Real processes: a store, nats-server, control planes and nodes, each node with a key of its own. */
export class FleetRig {
  readonly folder: string;
  readonly nats: NatsProcess;
  readonly store: StoreProcess;
  readonly #t: Cleanup;

  constructor(t: Cleanup, folder: string, nats: NatsProcess, store: StoreProcess) {
    this.#t = t;
    this.folder = folder;
    this.nats = nats;
    this.store = store;
  }

  async control(name: string): Promise<FleetProcess> {
    const { nats_seed_file } = this.nats.settings;
    const names = ['--node-name', name, '--nats-url', this.nats.url, '--nats-seed-file', nats_seed_file];
    const args = ['control-plane', '--control-port', '0', '--data-dir', join(this.folder, name), ...names];
    const control = await this.#started(new FleetProcess(args, { CLICKHOUSE_URL: this.store.url }));
    await until('the control plane has its fleet', async () => (await fetch(`${control.url}/v1/fleet`)).ok);
    return control;
  }

  /** `port`: of the node's HTTP; a node that comes back must have the one that clients know. */
  async node(
    name: string,
    labels = '',
    more: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ): Promise<FleetProcess> {
    const models = join(this.folder, 'models');
    await mkdir(models, { recursive: true });
    const seed = await nodeSeed(join(this.nats.directory, 'nats'), 'prod', name);
    this.nats.child.kill('SIGHUP');
    const own = ['--node-name', name, '--node-labels', labels, '--data-dir', join(this.folder, name)];
    const bus = ['--nats-url', this.nats.url, '--nats-seed-file', seed];
    return this.#started(
      new FleetProcess(['runtime', '--models', models, '--port', '0', ...own, ...bus, ...more], env),
    );
  }

  /** A directory to push: version n of a model that adds n; other bytes for each `mark`. */
  async adder(n: 1 | 2, mark = ''): Promise<string> {
    const directory = await mkdtemp(join(this.folder, `adder-${n}-`));
    await cp(join(ADDERS, String(n)), directory, { recursive: true });
    await cp(join(ADDERS, 'model.yaml'), join(directory, 'model.yaml'));
    if (mark !== '') await writeFile(join(directory, 'notes.txt'), mark);
    return directory;
  }

  async #started(process: FleetProcess): Promise<FleetProcess> {
    this.#t.after(() => process.kill());
    await process.start();
    return process;
  }
}

export async function startFleet(t: Cleanup): Promise<FleetRig> {
  const folder = await mkdtemp(join(tmpdir(), 'tidegate-fleet-'));
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  const [nats, store] = await Promise.all([startNatsProcess(t), startStoreProcess(t)]);
  return new FleetRig(t, folder, nats, store);
}

/** The command line against a control plane; its output. Throws when it does not end with `code`. */
export async function asked(control: FleetProcess, args: readonly string[], code = 0): Promise<string> {
  const ended = await tidegate([...args, '--control-url', control.url]);
  if (ended.code !== code)
    throw new Error(`tidegate ${args.join(' ')} ended with ${ended.code}:\n${ended.stdout}${ended.stderr}`);
  return ended.stdout + ended.stderr;
}
