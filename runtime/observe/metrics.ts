import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { Exposition, type Labels } from './exposition.js';
import type { Histogram } from './histogram.js';
import type { Statistics } from './statistics.js';
import { FAILURE_REASONS, type VersionCounters } from './version-counters.js';

/** What is measured only when somebody asks. */
export interface MetricSources {
  /** Requests admitted and not done, of each version. */
  pending(): Iterable<{
    readonly model: string;
    readonly version: string;
    readonly requests: number;
    readonly bytes: number;
  }>;
  workers(): {
    readonly threads: number;
    readonly running: number;
    readonly permits: number;
    readonly restarts: number;
    readonly busy_us: number;
  };
  memory(): {
    readonly slab_used_bytes: number;
    readonly slab_mapped_bytes: number;
    readonly model_used_bytes: number;
    readonly model_budget_bytes: number;
  };
  connections(): number;
  sequences(): number;
}

export interface BuildInfo {
  readonly version: string;
  readonly socket: string;
}

/** Each name, its kind and what it says: docs/metrics.md lists them, and a test holds the two together. */
export class Metrics {
  readonly #statistics: Statistics;
  readonly #sources: MetricSources;
  readonly #build: () => BuildInfo;
  readonly #loop: IntervalHistogram;

  constructor(statistics: Statistics, sources: MetricSources, build: () => BuildInfo) {
    this.#statistics = statistics;
    this.#sources = sources;
    this.#build = build;
    this.#loop = monitorEventLoopDelay({ resolution: 10 });
    this.#loop.enable();
  }

  stop(): void {
    this.#loop.disable();
  }

  expose(): string {
    const out = new Exposition();
    this.#requests(out);
    this.#durations(out);
    this.#histograms(out);
    this.#node(out);
    this.#process(out);
    return out.toString();
  }

  #requests(out: Exposition): void {
    const each = (read: (counters: VersionCounters) => number) => this.#each(read);
    out.family(
      'nv_inference_request_success',
      'counter',
      'Requests answered',
      each((c) => c.success.count),
    );
    out.family(
      'nv_inference_request_failure',
      'counter',
      'Requests refused, cancelled or failed, by reason',
      this.#failures(),
    );
    out.family(
      'nv_inference_count',
      'counter',
      'Rows answered',
      each((c) => c.rows),
    );
    out.family(
      'nv_inference_exec_count',
      'counter',
      'Batches run',
      each((c) => c.executions),
    );
    const pending = [...this.#sources.pending()];
    const of = (read: (item: (typeof pending)[number]) => number) =>
      pending.map((item): [Labels, number] => [{ model: item.model, version: item.version }, read(item)]);
    out.family(
      'nv_inference_pending_request_count',
      'gauge',
      'Requests admitted and not done',
      of((item) => item.requests),
    );
    out.family(
      'tidegate_pending_bytes',
      'gauge',
      'Bytes of the inputs of requests admitted and not done',
      of((item) => item.bytes),
    );
    out.family('tidegate_requests_answered', 'counter', 'Requests answered, by face', this.#byFace());
    out.family(
      'tidegate_errors',
      'counter',
      'Requests of a model that failed, by error code',
      [...this.#statistics.errors].map(([code, count]) => [{ code }, count]),
    );
  }

  #durations(out: Exposition): void {
    const each = (read: (counters: VersionCounters) => number) => this.#each(read);
    out.family(
      'nv_inference_request_duration_us',
      'counter',
      'Time of answered requests from arrival to answer, in all',
      each((c) => c.success.us),
    );
    out.family(
      'nv_inference_queue_duration_us',
      'counter',
      'Time of answered requests in the queue, in all',
      each((c) => c.queue.us),
    );
    out.family(
      'nv_inference_compute_input_duration_us',
      'counter',
      'Time of putting inputs together, in all',
      each((c) => c.compute_input.us),
    );
    out.family(
      'nv_inference_compute_infer_duration_us',
      'counter',
      'Time of running the model, in all',
      each((c) => c.compute_infer.us),
    );
    out.family(
      'nv_inference_compute_output_duration_us',
      'counter',
      'Time of taking outputs apart, in all',
      each((c) => c.compute_output.us),
    );
  }

  #histograms(out: Exposition): void {
    const each = (read: (counters: VersionCounters) => Histogram) => this.#each(read);
    out.histogram(
      'tidegate_batch_rows',
      'Rows of a batch',
      each((c) => c.batch_rows),
    );
    out.histogram(
      'tidegate_request_us',
      'Microseconds from arrival to answer',
      each((c) => c.request_us),
    );
    out.histogram(
      'tidegate_queue_us',
      'Microseconds in the queue',
      each((c) => c.queue_us),
    );
    out.histogram(
      'tidegate_infer_us',
      'Microseconds of one run of the model',
      each((c) => c.infer_us),
    );
  }

  #node(out: Exposition): void {
    const workers = this.#sources.workers();
    out.value('tidegate_worker_threads', 'gauge', 'Worker threads', workers.threads);
    out.value('tidegate_workers_running', 'gauge', 'Batches that run now', workers.running);
    out.value('tidegate_workers', 'gauge', 'Batches that may run at a time', workers.permits);
    out.value('tidegate_worker_busy_us', 'counter', 'Time that worker threads spent on batches', workers.busy_us);
    out.value('tidegate_worker_restarts', 'counter', 'Worker threads that died and were replaced', workers.restarts);
    const memory = this.#sources.memory();
    out.value(
      'tidegate_slab_used_bytes',
      'gauge',
      'Shared memory taken by requests and sequence state',
      memory.slab_used_bytes,
    );
    out.value('tidegate_slab_mapped_bytes', 'gauge', 'Shared memory held for them', memory.slab_mapped_bytes);
    out.value(
      'tidegate_model_memory_used_bytes',
      'gauge',
      'Memory that loaded models count for',
      memory.model_used_bytes,
    );
    out.value(
      'tidegate_model_memory_budget_bytes',
      'gauge',
      'Memory that models may count for',
      memory.model_budget_bytes,
    );
    out.value('tidegate_open_connections', 'gauge', 'Open connections', this.#sources.connections());
    out.value('tidegate_open_sequences', 'gauge', 'Sequences and streams that hold state', this.#sources.sequences());
  }

  #process(out: Exposition): void {
    const memory = process.memoryUsage();
    out.value('tidegate_process_resident_bytes', 'gauge', 'Resident memory of the process', memory.rss);
    out.value('tidegate_heap_used_bytes', 'gauge', 'JavaScript heap of the socket thread in use', memory.heapUsed);
    out.value(
      'tidegate_external_bytes',
      'gauge',
      'Memory outside of the heap that JavaScript objects hold',
      memory.external,
    );
    const quantiles = [0.5, 0.99, 1];
    out.family(
      'tidegate_event_loop_delay_us',
      'gauge',
      'Delay of the socket thread since the last look, by quantile',
      quantiles.map((quantile) => [{ quantile: String(quantile) }, this.#loop.percentile(quantile * 100) / 1000]),
    );
    this.#loop.reset();
    out.value('tidegate_uptime_seconds', 'gauge', 'Age of the process', process.uptime());
    const build = this.#build();
    out.family('tidegate_build_info', 'gauge', 'Always 1; the labels say what runs', [
      [{ version: build.version, socket: build.socket, node: process.version }, 1],
    ]);
  }

  #each<T>(read: (counters: VersionCounters) => T): [Labels, T][] {
    return [...this.#statistics.versions()].map((counters) => [
      { model: counters.model, version: counters.version },
      read(counters),
    ]);
  }

  *#failures(): Iterable<readonly [Labels, number]> {
    for (const { model, version, failures } of this.#statistics.versions()) {
      for (const reason of FAILURE_REASONS) yield [{ model, version, reason }, failures[reason]];
    }
  }

  *#byFace(): Iterable<readonly [Labels, number]> {
    for (const { model, version, answered } of this.#statistics.versions()) {
      yield [{ model, version, face: 'http' }, answered.http];
      yield [{ model, version, face: 'websocket' }, answered.websocket];
    }
  }
}
