import type { StageTimes } from '../../contract/inference.js';
import { ManifestSchema } from '../../contract/manifest.js';
import type { ServedVersion } from '../../runtime/model/served-version.js';
import { type MetricSources, Metrics } from '../../runtime/observe/metrics.js';
import type { Statistics } from '../../runtime/observe/statistics.js';
import type { Cleanup } from '../harness/checkout.js';

/** A version as the counters see it. */
export function versionOf(model: string, version: number, handle: number): ServedVersion {
  return {
    handle,
    model,
    version,
    artefact: '',
    signature: { inputs: [], outputs: [] },
    batching: { max_batch: 8, reason: '' },
    manifest: ManifestSchema.parse({}),
    instances: 1,
    memory_bytes: 0,
  };
}

export function stages(queue_us: number, infer_us: number): StageTimes {
  return { queue_us, compute_input_us: 1, compute_infer_us: infer_us, compute_output_us: 2 };
}

const IDLE: MetricSources = {
  pending: () => [],
  devices: () => [{ model: 'm', version: '1', device: 'cpu' }],
  workers: () => ({ threads: 2, running: 1, permits: 1, restarts: 3, busy_us: 12.5 }),
  memory: () => ({ slab_used_bytes: 1, slab_mapped_bytes: 2, model_used_bytes: 3, model_budget_bytes: 4 }),
  connections: () => 5,
  websocket: () => ({ connections: 2, streams: 6, unsent_bytes: 7 }),
  sequences: () => 8,
  spool: () => undefined,
  shipper: () => undefined,
};

/** The metrics of a node whose sources say what they are told to. */
export function metricsOf(t: Cleanup, statistics: Statistics, sources: Partial<MetricSources> = {}): Metrics {
  const metrics = new Metrics(statistics, { ...IDLE, ...sources }, () => ({ version: '1.2.3', socket: 'node:net' }));
  t.after(() => metrics.stop());
  return metrics;
}
