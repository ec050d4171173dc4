import { fork } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { digestOf } from '../bus/artifacts.js';
import { controlSeed } from '../bus/server/keys.js';
import type { DesiredVersion } from '../contract/desired-state.js';
import { judgeModel } from '../control-plane/fleet/convergence.js';
import { Fleet } from '../control-plane/fleet/live/fleet.js';
import { admitVersion } from '../control-plane/registry/admission.js';
import { type StartedProcess, startProcess } from './started-process.js';

const HELP = `npm run bench:fleet -- [options]
  --nodes N      real nodes that swap under load (default 5)
  --swaps N      swaps on one of them, for its memory (default 1000)
  --light N      light nodes over one NATS (default 1000)
  --help`;

const LOG = { debug() {}, info() {}, warn() {}, error() {}, flush() {} };
const MODELS = fileURLToPath(new URL('../../test/fixtures/triton/models/two_versions/', import.meta.url));
const BODY = JSON.stringify({ inputs: [{ name: 'INPUT', datatype: 'FP32', shape: [1, 2], data: [10, 20] }] });
const AUTHOR = { by: 'bench', at: new Date().toISOString() };
const LIMIT_MS = 120_000;
const POLL_MS = 5;
const PAUSE_MS = 5;
const BETWEEN_PUSHES_MS = 1500;
const LIGHT_PROCESSES = 4;

const SETTINGS = {
  nats_creds_file: '',
  nats_user: '',
  nats_password: '',
  nats_ca_file: '',
  nats_replicas: 1,
  environment: 'prod',
  node_name: 'bench',
};

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '5' },
    swaps: { type: 'string', default: '1000' },
    light: { type: 'string', default: '1000' },
    help: { type: 'boolean', default: false },
  },
});

async function main(nodes: number, swaps: number, light: number): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'tidegate-bench-fleet-'));
  const nats = await startProcess(['nats', '--nats-port', '0', '--data-dir', directory]);
  const seed = controlSeed(join(directory, 'nats'));
  const fleet = new Fleet({ ...SETTINGS, nats_url: nats.url, nats_seed_file: seed }, LOG);
  try {
    await until('the fleet is there', () => fleet.isOpen);
    if (nodes > 0) await realNodes(fleet, directory, { nats_url: nats.url, seed, nodes, swaps });
    if (light > 0) await lightNodes(fleet, directory, { nats_url: nats.url, seed, light });
  } finally {
    await fleet.close();
    await nats.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

interface RealPlan {
  readonly nats_url: string;
  readonly seed: string;
  readonly nodes: number;
  readonly swaps: number;
}

async function realNodes(fleet: Fleet, directory: string, plan: RealPlan): Promise<void> {
  const models = join(directory, 'models');
  await mkdir(models);
  const started: StartedProcess[] = [];
  for (let n = 1; n <= plan.nodes; n++) {
    const own = [
      '--node-name',
      `edge-${n}`,
      '--data-dir',
      join(directory, `edge-${n}`),
      '--models',
      models,
      '--port',
      '0',
    ];
    started.push(await startProcess(['runtime', ...own, '--nats-url', plan.nats_url, '--nats-seed-file', plan.seed]));
  }
  try {
    const first = await pushed(fleet, directory, 1, '');
    await deployed(fleet, [first]);
    const load = new Load(started.map(({ url }) => url));
    const times: number[] = [];
    for (let round = 0; round < 5; round++) {
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_PUSHES_MS));
      const began_ms = performance.now();
      const next = await pushed(fleet, directory, round % 2 === 0 ? 2 : 1, `round ${round}`);
      const push_ms = performance.now() - began_ms;
      await deployed(fleet, [next]);
      times.push(performance.now() - began_ms);
      console.log(`push ${push_ms.toFixed(0)} ms, served by ${plan.nodes} nodes after ${times.at(-1)?.toFixed(0)} ms`);
    }
    await load.stop();
    times.sort((a, b) => a - b);
    console.log(
      `push to served on ${plan.nodes} nodes: median ${times[2].toFixed(0)} ms, worst ${times[4].toFixed(0)} ms`,
    );
    console.log(`under load: ${load.answered.toLocaleString('en')} requests, ${load.failed} failed`);
    await manySwaps(fleet, directory, started[0], plan.swaps);
  } finally {
    await Promise.all(started.map((node) => node.stop()));
  }
}

/** Memory of one node before and after many swaps between two versions that are on its disk. */
async function manySwaps(fleet: Fleet, directory: string, node: StartedProcess, swaps: number): Promise<void> {
  if (swaps === 0) return;
  const versions = [await pushed(fleet, directory, 1, 'a'), await pushed(fleet, directory, 2, 'b')];
  const warm = Math.min(100, swaps);
  for (let i = 0; i < warm; i++) await deployed(fleet, [versions[i % 2]]);
  const before = await residentBytes(node);
  const began_ms = performance.now();
  for (let i = 0; i < swaps; i++) await deployed(fleet, [versions[i % 2]]);
  const each_ms = (performance.now() - began_ms) / swaps;
  const after = await residentBytes(node);
  const MiB = 1024 ** 2;
  console.log(
    `${swaps} swaps on every node, ${each_ms.toFixed(0)} ms each: resident ${(before / MiB).toFixed(0)} → ${(after / MiB).toFixed(0)} MiB`,
  );
}

async function residentBytes({ process: { pid } }: StartedProcess): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

async function pushed(fleet: Fleet, directory: string, n: 1 | 2, mark: string): Promise<DesiredVersion> {
  const folder = await mkdtemp(join(directory, 'push-'));
  await cp(join(MODELS, String(n)), folder, { recursive: true });
  await writeFile(join(folder, 'model.yaml'), await readFile(join(MODELS, 'model.yaml')));
  await writeFile(join(folder, 'notes.txt'), mark);
  const { registry, artifacts, validator } = fleet.open;
  const files = [];
  for (const path of ['model.onnx', 'model.yaml', 'notes.txt']) {
    const bytes = await readFile(join(folder, path));
    const digest = digestOf(bytes);
    await artifacts.put(digest, once(bytes));
    files.push({ path, size: bytes.length, digest });
  }
  const given = { files, description: '', labels: {}, metrics: {}, lineage: {} };
  const { version } = await admitVersion({ registry, artifacts, validator }, 'adder', given, AUTHOR);
  return { version: version.version, digest: version.digest, weight: 100, role: 'champion', routes: [] };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function deployed(fleet: Fleet, versions: DesiredVersion[], light = 0): Promise<void> {
  const { desired, view } = fleet.open;
  const model = light > 0 ? 'light' : 'adder';
  // The real nodes are gone by the time that the light ones are asked: they are no part of it.
  const labels: Record<string, string> = light > 0 ? { kind: 'light' } : {};
  const placement = { selector: { labels }, replicas: 'all' as const, assigned: [], excluded: [], versions };
  let last = '';
  const { state } = await desired.write(model, { placements: [placement], pinned: false, limits: {} });
  await until(
    () => `${model} is served everywhere: ${last}`,
    () => {
      const known = view.desired.get(model);
      if (known === undefined || known.state.epoch < state.epoch) return false;
      const { verdict, counts } = judgeModel(model, known, view.nodes, Date.now());
      last = `epoch ${known.state.epoch}, ${JSON.stringify(counts)}`;
      if (verdict === 'failed' || verdict === 'diverged') throw new Error(`${model} is ${verdict}`);
      return verdict === 'converged' && counts.converged >= light;
    },
  );
}

/** Asks every node all the time, and leaves the machine room for what is measured. */
class Load {
  answered = 0;
  failed = 0;
  #stopped = false;
  readonly #lines: Promise<void>[];

  constructor(urls: readonly string[]) {
    this.#lines = urls.map((url) => this.#line(`${url}/v2/models/adder/infer`));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#lines);
  }

  async #line(url: string): Promise<void> {
    while (!this.#stopped) {
      try {
        const response = await fetch(url, { method: 'POST', body: BODY });
        const text = await response.text();
        if (response.ok && text.includes('"data":[1')) this.answered++;
        else this.failed++;
      } catch {
        this.failed++;
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

interface LightPlan {
  readonly nats_url: string;
  readonly seed: string;
  readonly light: number;
}

async function lightNodes(fleet: Fleet, directory: string, { nats_url, seed, light }: LightPlan): Promise<void> {
  const program = fileURLToPath(new URL('./light-nodes.js', import.meta.url));
  const share = Math.ceil(light / LIGHT_PROCESSES);
  const began_ms = performance.now();
  const children = Array.from({ length: LIGHT_PROCESSES }, (_, i) => {
    const count = Math.max(0, Math.min(share, light - i * share));
    const plan = { nats_url, nats_seed_file: seed, directory: join(directory, 'light'), first: i * share, count };
    return fork(program, [JSON.stringify(plan)]);
  });
  try {
    const { view } = fleet.open;
    const alive = () =>
      view.nodes.filter(({ name, status }) => name.startsWith('light-') && status !== undefined).length;
    await until(`${light} nodes have reported`, () => alive() === light);
    console.log(`${light} light nodes joined within ${((performance.now() - began_ms) / 1000).toFixed(1)} s`);
    for (let version = 1; version <= 3; version++) {
      const digest = digestOf(new Uint8Array([version]));
      const deploy_ms = performance.now();
      await deployed(fleet, [{ version, digest, weight: 100, role: 'champion', routes: [] }], light);
      console.log(
        `version ${version} is served by ${light} nodes after ${(performance.now() - deploy_ms).toFixed(0)} ms`,
      );
    }
    const control = process.cpuUsage();
    const idle_ms = 5000;
    await new Promise((resolve) => setTimeout(resolve, idle_ms));
    const { user, system } = process.cpuUsage(control);
    console.log(
      `the control plane of ${light} idle nodes: ${(((user + system) / 1000 / idle_ms) * 100).toFixed(1)} % of a core`,
    );
  } finally {
    for (const child of children) child.disconnect();
  }
}

async function until(what: string | (() => string), isSo: () => boolean): Promise<void> {
  const until_ms = performance.now() + LIMIT_MS;
  while (!isSo()) {
    if (performance.now() > until_ms) throw new Error(`never came true: ${typeof what === 'string' ? what : what()}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

if (values.help) console.log(HELP);
else await main(Number(values.nodes), Number(values.swaps), Number(values.light));
