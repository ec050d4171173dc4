import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DEFAULT_MANIFEST } from '../../contract/manifest.js';
import { encodeOnnx } from '../../examples/onnx/graph.js';
import { planRequests } from '../../runtime/batch/request-plan.js';
import type { FoundGpu } from '../../runtime/model/device.js';
import { describeVersion } from '../../runtime/model/version-description.js';
import { disagreement } from '../../runtime/worker/backend/agreement.js';
import type { BackendSession, BackendTensor } from '../../runtime/worker/backend/backend.js';
import { loadOnGpu } from '../../runtime/worker/backend/gpu.js';
import type { GpuSession } from '../../runtime/worker/backend/gpu-session.js';
import { loadOnnx } from '../../runtime/worker/backend/onnx.js';
import { comparedOutputs, sampleRows } from '../../runtime/worker/backend/sample-rows.js';
import { sliceRows } from '../../runtime/worker/backend/tensor-rows.js';
import type { LoadOrder } from '../../runtime/worker/messages.js';
import type { Network } from './networks.js';
import { type Timing, timeRuns } from './timing.js';

const LIMITS = { load_ms: 300_000, run_ms: 120_000, pause_ms: 1000 };

export interface Measured {
  readonly network: string;
  readonly where: string;
  /** Why there are no figures; '' where there are. */
  readonly failure: string;
  readonly timings: readonly Timing[];
}

/** The order that a node would give for this network on this device. Writes the model below `folder`. */
export async function orderFor(key: string, network: Network, device: FoundGpu, folder: string): Promise<LoadOrder> {
  const version = join(folder, key, '1');
  await mkdir(version, { recursive: true });
  const artefact = join(version, 'model.onnx');
  await writeFile(artefact, encodeOnnx(network.build()));
  const manifest = { ...DEFAULT_MANIFEST, device: device.kind, max_batch: Math.max(...network.batches) };
  const found = { version: 1, artefact, stamp: '' };
  const source = { model: key, found, manifest, config: undefined, workers: 1, devices: [device] };
  return planRequests(describeVersion(1, source)).order;
}

/** Loads, which compares with the CPU; then looks whether rows get in a batch what they get alone, and whether a killed process is replaced. */
export async function checkOnDevice(order: LoadOrder): Promise<string[]> {
  const session = await open(order);
  try {
    const rows = sampleRows(order, 3);
    const wanted = comparedOutputs(order);
    const together = await session.run(rows, wanted);
    const names = new Set([...order.inputs, ...order.outputs].map(({ name }) => name));
    const faults: string[] = [];
    for (const row of [0, 1, 2]) {
      const alone = await session.run(sliceRows(rows, names, row, row + 1), wanted);
      const fault = disagreement(alone, sliceRows(together, names, row, row + 1));
      if (fault !== undefined) faults.push(`row ${row} alone and in a batch: ${fault}`);
    }
    const replaced = await replacedAfterDeath(session, rows, wanted);
    return replaced ? faults : [...faults, 'a process that was ended was not replaced'];
  } finally {
    await session.release();
  }
}

function open(order: LoadOrder): Promise<GpuSession> {
  return loadOnGpu(order, { device: order.device, home: order.device_home }, LIMITS, () => undefined);
}

async function replacedAfterDeath(
  session: GpuSession,
  rows: readonly BackendTensor[],
  wanted: readonly string[],
): Promise<boolean> {
  const { pid } = session;
  if (pid === undefined) return false;
  process.kill(pid, 'SIGKILL');
  // The batch that finds it gone is lost with it, or starts the next one.
  await session.run(rows, wanted).catch(() => undefined);
  await session.run(rows, wanted);
  return session.pid !== undefined && session.pid !== pid;
}

export async function timeOnDevice(order: LoadOrder, network: Network, seconds: number): Promise<Timing[]> {
  return timeSession(await open(order), order, network, seconds);
}

export async function timeOnCpu(
  order: LoadOrder,
  network: Network,
  seconds: number,
  threads: number,
): Promise<Timing[]> {
  return timeSession(await loadOnnx({ ...order, threads }, 'cpu'), order, network, seconds);
}

async function timeSession(
  session: BackendSession,
  order: LoadOrder,
  network: Network,
  seconds: number,
): Promise<Timing[]> {
  try {
    const timings: Timing[] = [];
    for (const batch of network.batches) {
      const rows = sampleRows(order, batch);
      timings.push(await timeRuns(batch, seconds, async () => session.run(rows, comparedOutputs(order))));
    }
    return timings;
  } finally {
    await session.release();
  }
}
