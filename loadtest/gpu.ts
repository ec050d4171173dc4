import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { run } from '../cli/setup/python.js';
import type { FoundGpu } from '../runtime/model/device.js';
import { probeDevices } from '../runtime/worker/backend/probe.js';
import { checkOnDevice, type Measured, orderFor, timeOnCpu, timeOnDevice } from './gpu/device-suite.js';
import { NETWORKS } from './gpu/networks.js';
import { timeInPython } from './gpu/python-timing.js';
import { gpuPage } from './gpu/report.js';
import type { Timing } from './gpu/timing.js';

/** `npm run test:gpu`: the suite and the figures of a machine that has a GPU. Without one it says so, and that is no failure. */
const HELP = `npm run test:gpu -- [options]
  --seconds N       time for each figure (default 2)
  --networks A,B    of ${Object.keys(NETWORKS).join(', ')} (default all)
  --backends-dir D  where tidegate setup cuda has laid out its libraries (default .tidegate/backends)
  --python P        a Python with ONNX Runtime for the same device, to compare with (default python3)
  --slow-too        also devices that are slower than the CPU, such as one in software
  --out FILE        where the page goes (default docs/gpu.md)
  --help`;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '2' },
    networks: { type: 'string', default: Object.keys(NETWORKS).join() },
    'backends-dir': { type: 'string', default: join('.tidegate', 'backends') },
    python: { type: 'string', default: 'python3' },
    'slow-too': { type: 'boolean', default: false },
    out: { type: 'string', default: join('docs', 'gpu.md') },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) console.log(HELP);
else await main();

async function main(): Promise<void> {
  const found = await probeDevices({ backends_dir: values['backends-dir'] });
  for (const { kind, works, reason } of found) console.log(`${kind}: ${works ? '' : 'not here: '}${reason}`);
  const devices = found.filter(({ works, speedup }) => works && (speedup > 1 || values['slow-too']));
  if (devices.length === 0) {
    console.log('There is no GPU here that beats the CPU: nothing to test, nothing to measure.');
    return;
  }
  const folder = await mkdtemp(join(tmpdir(), 'tidegate-gpu-'));
  try {
    const checks: string[] = [];
    const measured: Measured[] = [];
    for (const device of devices) await onDevice(device, folder, checks, measured);
    await writeFile(values.out, gpuPage({ machine: await machineFacts(devices), checks, measured }));
    console.log(`written: ${values.out}`);
    if (checks.some((check) => check.includes('FAILED'))) process.exitCode = 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function onDevice(device: FoundGpu, folder: string, checks: string[], measured: Measured[]): Promise<void> {
  const { kind } = device;
  const seconds = Number(values.seconds);
  for (const [key, network] of Object.entries(NETWORKS).filter(([name]) => values.networks.split(',').includes(name))) {
    console.log(`${kind}: ${network.title}`);
    const order = await orderFor(key, network, device, folder);
    const faults = await checkOnDevice(order).catch((error: unknown) => [reasonOf(error)]);
    const verdict = faults.length === 0 ? 'agrees with the CPU, alone and in batches; its process is replaced' : '';
    checks.push(`${kind}, ${network.title}: ${verdict || `FAILED: ${faults.join('; ')}`}`);
    console.log(`  ${checks.at(-1)}`);
    const { title } = network;
    const take = async (where: string, time: Promise<Timing[]>): Promise<void> => {
      measured.push(await timed(title, where, time));
    };
    await take(kind, timeOnDevice(order, network, seconds));
    await take(`${kind}, Python`, timeInPython(values.python, kind, order.artefact, network.batches, seconds));
    await take('CPU, all cores', timeOnCpu(order, network, seconds, availableParallelism()));
  }
}

async function timed(network: string, where: string, time: Promise<Timing[]>): Promise<Measured> {
  try {
    return { network, where, failure: '', timings: await time };
  } catch (error) {
    return { network, where, failure: reasonOf(error).split('\n').at(-1) ?? '', timings: [] };
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function machineFacts(devices: readonly FoundGpu[]): Promise<string[]> {
  const facts = [`${cpus()[0]?.model ?? 'unknown processor'} × ${availableParallelism()}, Node ${process.version}`];
  const query = ['--query-gpu=name,driver_version,memory.total', '--format=csv,noheader'];
  const named = await run('nvidia-smi', query, { limit_ms: 10_000 }).catch(() => undefined);
  if (named?.code === 0) facts.push(named.stdout.trim());
  return [...facts, ...devices.map(({ kind, reason }) => `${kind}: ${reason}`)];
}
