import type { TidegateError } from '../../contract/error.js';
import type { StageTimes } from '../../contract/inference.js';
import type { FaceName } from '../admission/inference.js';
import type { BackendEvent } from '../worker/messages.js';
import { type LabelText, labelText } from './exposition.js';
import { BATCH_BUCKETS, Histogram, LATENCY_BUCKETS_US } from './histogram.js';
import type { BatchStatistics, ModelStatistics, StatisticDuration } from './statistics.js';

export const FAILURE_REASONS = ['REJECTED', 'CANCELED', 'BACKEND', 'OTHER'] as const;
export const FACES = ['http', 'websocket'] as const satisfies readonly FaceName[];
export type FailureReason = (typeof FAILURE_REASONS)[number];

/** A sum that knows how many it is of, in microseconds. */
class Duration {
  count = 0;
  us = 0;

  add(us: number, times = 1): void {
    this.count += times;
    this.us += us * times;
  }

  toJSON(): StatisticDuration {
    return { count: this.count, ns: Math.round(this.us * 1000) };
  }
}

class BatchCounters {
  readonly input = new Duration();
  readonly infer = new Duration();
  readonly output = new Duration();
}

/** Everything that is counted of one version of a model. */
export class VersionCounters {
  readonly model: string;
  readonly version: string;
  /** The labels model and version, as the exposition has them. */
  readonly labels: LabelText;
  /** When it was counted last, in events of all versions. */
  used = 0;
  admitted = 0;
  rows = 0;
  executions = 0;
  last_inference_ms = 0;
  readonly success = new Duration();
  readonly failure = new Duration();
  readonly queue = new Duration();
  readonly compute_input = new Duration();
  readonly compute_infer = new Duration();
  readonly compute_output = new Duration();
  readonly failures: Record<FailureReason, number> = { REJECTED: 0, CANCELED: 0, BACKEND: 0, OTHER: 0 };
  readonly answered: Record<FaceName, number> = { http: 0, websocket: 0 };
  readonly batch_rows = new Histogram(BATCH_BUCKETS);
  readonly request_us = new Histogram(LATENCY_BUCKETS_US);
  readonly queue_us = new Histogram(LATENCY_BUCKETS_US);
  readonly input_us = new Histogram(LATENCY_BUCKETS_US);
  readonly infer_us = new Histogram(LATENCY_BUCKETS_US);
  readonly output_us = new Histogram(LATENCY_BUCKETS_US);
  /** Processes of its device that died, and batches that did not fit into its memory. */
  device_lost = 0;
  out_of_memory = 0;
  readonly #batches = new Map<number, BatchCounters>();

  constructor(model: string, version: string) {
    this.model = model;
    this.version = version;
    this.labels = labelText({ model, version });
  }

  backendEvent(event: BackendEvent): void {
    if (event.kind === 'process_lost') this.device_lost++;
    else this.out_of_memory++;
  }

  executed(rows: number, times: StageTimes): void {
    this.executions++;
    this.last_inference_ms = Date.now();
    this.batch_rows.record(rows);
    this.input_us.record(times.compute_input_us);
    this.infer_us.record(times.compute_infer_us);
    this.output_us.record(times.compute_output_us);
    let batch = this.#batches.get(rows);
    if (batch === undefined) {
      batch = new BatchCounters();
      this.#batches.set(rows, batch);
    }
    batch.input.add(times.compute_input_us);
    batch.infer.add(times.compute_infer_us);
    batch.output.add(times.compute_output_us);
  }

  succeeded(face: FaceName, rows: number, total_us: number, times: StageTimes): void {
    this.rows += rows;
    this.answered[face]++;
    this.success.add(total_us);
    this.queue.add(times.queue_us);
    this.compute_input.add(times.compute_input_us);
    this.compute_infer.add(times.compute_infer_us);
    this.compute_output.add(times.compute_output_us);
    this.request_us.record(total_us);
    this.queue_us.record(times.queue_us);
  }

  failed(error: TidegateError, total_us: number): void {
    this.failure.add(total_us);
    this.failures[error.reason ?? 'OTHER']++;
  }

  toJSON(): ModelStatistics {
    return {
      name: this.model,
      version: this.version,
      last_inference: this.last_inference_ms,
      inference_count: this.rows,
      execution_count: this.executions,
      inference_stats: {
        success: this.success.toJSON(),
        fail: this.failure.toJSON(),
        queue: this.queue.toJSON(),
        compute_input: this.compute_input.toJSON(),
        compute_infer: this.compute_infer.toJSON(),
        compute_output: this.compute_output.toJSON(),
        cache_hit: { count: 0, ns: 0 },
        cache_miss: { count: 0, ns: 0 },
      },
      response_stats: {},
      batch_stats: [...this.#batches].sort(([a], [b]) => a - b).map(([rows, batch]) => batchStatistics(rows, batch)),
      memory_usage: [],
    };
  }
}

function batchStatistics(batch_size: number, batch: BatchCounters): BatchStatistics {
  return {
    batch_size,
    compute_input: batch.input.toJSON(),
    compute_infer: batch.infer.toJSON(),
    compute_output: batch.output.toJSON(),
  };
}
