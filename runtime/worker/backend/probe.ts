import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FoundDevice, type FoundGpu, GPU_KINDS, type GpuKind } from '../../model/device.js';
import type { LoadOrder } from '../messages.js';
import { deviceCandidate, type MachineFacts, machineFacts, tensorflowFinding } from './device-candidate.js';
import { GpuChild, type GpuProgram } from './gpu-child.js';
import { PROBE_WIDTH, probeModel } from './probe-model.js';

const RUNS = 3;
/** A device that takes this long for one run, compiling included, is one in software: no need to look again. */
const SLOW_MS = 1500;
/** A driver that hangs costs this much of the start, once. */
const LIMIT_MS = 20_000;

export interface ProbeOptions {
  /** The folder of what `tidegate setup` has laid out. */
  readonly backends_dir: string;
  readonly limit_ms?: number;
  readonly facts?: MachineFacts;
  /** Which kinds; absent: all. */
  readonly kinds?: readonly GpuKind[];
  /** Asks the libraries even where no driver is to be seen: what they say tells whether they are complete. */
  readonly even_without_driver?: boolean;
  /** Another program than ours. */
  readonly entry?: string;
}

/** Everything that a node looks for when it starts. */
export async function lookAround(backends_dir: string): Promise<FoundDevice[]> {
  const facts = machineFacts();
  const tensorflow = (['tensorflow', 'tensorflow-gpu'] as const).map((kind) =>
    tensorflowFinding(backends_dir, facts, kind),
  );
  return [...(await probeDevices({ backends_dir, facts })), ...tensorflow];
}

/** What this machine has besides its CPU, found by running a session on each in a process of its own. Never rejects because of a device. */
export async function probeDevices(options: ProbeOptions): Promise<FoundGpu[]> {
  const { backends_dir, facts = machineFacts(), limit_ms = LIMIT_MS, kinds = GPU_KINDS } = options;
  const seen = options.even_without_driver === true ? { ...facts, has_driver: true } : facts;
  const candidates = kinds.map((kind) => deviceCandidate(kind, backends_dir, seen));
  const none = candidates.every(({ missing }) => missing !== '');
  if (none)
    return candidates.map(({ kind, home, missing }) => ({ kind, home, works: false, reason: missing, speedup: 0 }));
  return withProbeModel(async (artefact) => {
    let cpu: Timed | undefined;
    const found: FoundGpu[] = [];
    for (const { kind, home, missing } of candidates) {
      if (missing !== '') {
        found.push({ kind, home, works: false, reason: missing, speedup: 0 });
        continue;
      }
      const program = options.entry === undefined ? {} : { entry: options.entry };
      const timed = await timeOn({ device: kind, home, ...program }, artefact, limit_ms);
      // Where no GPU works, nobody waits for the CPU's figure.
      if ('best_ms' in timed) cpu ??= await timeOn({ device: 'cpu', home: '' }, artefact, limit_ms);
      found.push({ kind, home, ...judged(timed, cpu) });
    }
    return found;
  });
}

/** The same on the CPU: whether sessions run at all. */
export function probeOnCpu(): Promise<Timed> {
  return withProbeModel((artefact) => timeOn({ device: 'cpu', home: '' }, artefact, LIMIT_MS));
}

async function withProbeModel<Result>(work: (artefact: string) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'tidegate-probe-'));
  try {
    const artefact = join(folder, 'model.onnx');
    await writeFile(artefact, probeModel());
    return await work(artefact);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export type Timed = { readonly best_ms: number } | { readonly failure: string };

function judged(device: Timed, cpu: Timed | undefined): Pick<FoundDevice, 'works' | 'reason' | 'speedup'> {
  if ('failure' in device) return { works: false, reason: device.failure, speedup: 0 };
  if (cpu === undefined || 'failure' in cpu)
    return { works: true, reason: `it works; on the CPU the probe failed: ${cpu?.failure ?? ''}`, speedup: 0 };
  const speedup = cpu.best_ms / device.best_ms;
  const reason = `the probe took ${device.best_ms.toFixed(1)} ms there and ${cpu.best_ms.toFixed(1)} ms on the CPU`;
  return { works: true, reason, speedup };
}

async function timeOn(program: GpuProgram, artefact: string, limit_ms: number): Promise<Timed> {
  const child = new GpuChild(program);
  try {
    await child.request({ type: 'load', order: probeOrder(program, artefact) }, limit_ms);
    const data = new Uint8Array(Float32Array.of(1).buffer);
    const input = { name: 'x', datatype: 'FP32', shape: [1, 1], data } as const;
    let best_ms = Number.POSITIVE_INFINITY;
    // The first one compiles and allocates.
    for (let run = 0; run <= RUNS; run++) {
      const begun_ms = performance.now();
      const answer = await child.request({ type: 'run', inputs: [input], wanted: ['y'] }, limit_ms);
      const took_ms = performance.now() - begun_ms;
      if (run > 0 || took_ms > SLOW_MS) best_ms = Math.min(best_ms, took_ms);
      const wrong = answer.type === 'results' ? wrongValue(answer.tensors[0]?.data) : 'no result';
      if (wrong !== undefined) return { failure: `it computes ${wrong} where 1 is right` };
      if (took_ms > SLOW_MS) break;
    }
    return { best_ms };
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    return { failure: child.words === '' ? said : `${said} (${child.words})` };
  } finally {
    await child.kill();
  }
}

function wrongValue(data: Uint8Array | readonly string[] | undefined): string | undefined {
  if (!(data instanceof Uint8Array) || data.length !== PROBE_WIDTH * 4) return 'something of another size';
  const values = new Float32Array(new Uint8Array(data).buffer);
  const wrong = values.find((value) => !(Math.abs(value - 1) < 1e-3));
  return wrong === undefined ? undefined : String(wrong);
}

function probeOrder({ device, home }: GpuProgram, artefact: string): LoadOrder {
  return {
    handle: 0,
    model: 'probe',
    version: 1,
    format: 'onnx',
    artefact,
    artefact_bytes: 0,
    signature: '',
    max_batch: 0,
    device,
    device_home: home,
    may_fall_back: false,
    threads: availableParallelism(),
    warmup: false,
    inputs: [],
    states: [],
    constants: [],
    outputs: [],
  };
}
