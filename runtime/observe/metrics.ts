import type { Shipper } from '../predict-log/ship/shipper.js';
import type { Spool } from '../predict-log/spool.js';
import { EventLoopDelay } from './event-loop-delay.js';
import { Exposition, labelText, type Sample } from './exposition.js';
import type { Histogram } from './histogram.js';
import { exposeLog } from './log-metrics.js';
import { exposeShipper } from './ship-metrics.js';
import type { Statistics } from './statistics.js';
import { FACES, FAILURE_REASONS, type VersionCounters } from './version-counters.js';

/** What is measured only when somebody asks. */
export interface MetricSources {
  /** Requests admitted and not done, of each version. */
  pending(): Iterable<PendingRequests>;
  /** Versions that have loaded, and what runs them. */
  devices(): Iterable<{ readonly model: string; readonly version: string; readonly device: string }>;
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
  websocket(): { readonly connections: number; readonly streams: number; readonly unsent_bytes: number };
  sequences(): number;
  /** undefined: nothing is logged. */
  spool(): Spool | undefined;
  /** undefined: nothing is shipped. */
  shipper(): Shipper | undefined;
}

export interface PendingRequests {
  readonly model: string;
  readonly version: string;
  readonly requests: number;
  readonly bytes: number;
  /** Copies for a shadow that were not made. */
  readonly shed: number;
}

export interface BuildInfo {
  readonly version: string;
  readonly socket: string;
}

type Family<T> = readonly [name: string, help: string, read: (counters: VersionCounters) => T];

/** Counters with the labels model and version. Triton's names where the meaning is Triton's. */
const COUNTERS: readonly Family<number>[] = [
  ['nv_inference_request_success', 'Requests answered', (c) => c.success.count],
  ['nv_inference_count', 'Rows answered', (c) => c.rows],
  ['nv_inference_exec_count', 'Batches run', (c) => c.executions],
  [
    'nv_inference_request_duration_us',
    'Microseconds of answered requests, from arrival to answer',
    (c) => c.success.us,
  ],
  ['nv_inference_queue_duration_us', 'Microseconds of answered requests in the queue', (c) => c.queue.us],
  [
    'nv_inference_compute_input_duration_us',
    'Microseconds of answered requests while inputs were put together',
    (c) => c.compute_input.us,
  ],
  [
    'nv_inference_compute_infer_duration_us',
    'Microseconds of answered requests while the model ran',
    (c) => c.compute_infer.us,
  ],
  [
    'nv_inference_compute_output_duration_us',
    'Microseconds of answered requests while outputs were taken apart',
    (c) => c.compute_output.us,
  ],
];

const DEVICE_COUNTERS: readonly Family<number>[] = [
  ['tidegate_device_lost_total', 'GPU processes that died or were ended, each with its batch', (c) => c.device_lost],
  [
    'tidegate_device_out_of_memory_total',
    "Batches that did not fit into their device's memory, and were halved",
    (c) => c.out_of_memory,
  ],
];

const HISTOGRAMS: readonly Family<Histogram>[] = [
  ['tidegate_batch_rows', 'Rows of a batch', (c) => c.batch_rows],
  ['tidegate_request_us', 'Microseconds of a request from arrival to answer', (c) => c.request_us],
  ['tidegate_queue_us', 'Microseconds of a request in the queue', (c) => c.queue_us],
  ['tidegate_compute_input_us', 'Microseconds of a batch while its inputs are put together', (c) => c.input_us],
  ['tidegate_compute_infer_us', 'Microseconds of a batch while the model runs', (c) => c.infer_us],
  ['tidegate_compute_output_us', 'Microseconds of a batch while its outputs are taken apart', (c) => c.output_us],
];

const QUANTILES = [0.5, 0.99] as const;

/** What `/metrics` says. docs/metrics.md lists every family, and a test holds the two together. */
export class Metrics {
  readonly #statistics: Statistics;
  readonly #sources: MetricSources;
  readonly #build: () => BuildInfo;
  readonly #loop = new EventLoopDelay();

  constructor(statistics: Statistics, sources: MetricSources, build: () => BuildInfo) {
    this.#statistics = statistics;
    this.#sources = sources;
    this.#build = build;
    this.#loop.start();
  }

  stop(): void {
    this.#loop.stop();
  }

  expose(): string {
    const out = new Exposition();
    this.#requests(out);
    this.#workers(out);
    this.#devices(out);
    this.#memory(out);
    this.#callers(out);
    exposeLog(out, this.#sources.spool());
    exposeShipper(out, this.#sources.shipper());
    this.#process(out);
    return out.toString();
  }

  #requests(out: Exposition): void {
    const versions = [...this.#statistics.versions()];
    for (const [name, help, read] of COUNTERS) out.family(name, 'counter', help, counted(versions, read));
    out.family('nv_inference_request_failure', 'counter', 'Requests refused, cancelled or failed', failures(versions));
    const pending = [...this.#sources.pending()];
    out.family(
      'nv_inference_pending_request_count',
      'gauge',
      'Requests admitted and not done',
      open(pending, 'requests'),
    );
    out.family('tidegate_pending_bytes', 'gauge', 'Bytes of inputs admitted and not done', open(pending, 'bytes'));
    out.family(
      'tidegate_shadow_shed_total',
      'counter',
      'Requests that were to be copied to a shadow, and were not',
      open(
        pending.filter(({ shed }) => shed > 0),
        'shed',
      ),
    );
    out.family('tidegate_requests_total', 'counter', 'Requests answered, by face', byFace(versions));
    // Idle versions have none: of a hundred models most are idle, and each has a hundred lines of zeros.
    const ran = versions.filter((counters) => counters.executions > 0);
    for (const [name, help, read] of HISTOGRAMS) out.histogram(name, help, each(ran, read));
    const quantileHelp = 'Estimate of microseconds from arrival to answer, since the start';
    out.family('tidegate_request_quantile_us', 'gauge', quantileHelp, quantiles(versions));
    out.family('tidegate_errors_total', 'counter', 'Errors that callers were told', this.#errors());
  }

  #workers(out: Exposition): void {
    const { threads, running, permits, busy_us, restarts } = this.#sources.workers();
    out.value('tidegate_worker_threads', 'gauge', 'Worker threads', threads);
    out.value('tidegate_workers_running', 'gauge', 'Batches in worker threads now', running);
    out.value('tidegate_workers', 'gauge', 'Batches that may run at a time', permits);
    out.value(
      'tidegate_worker_busy_us_total',
      'counter',
      'Microseconds that were spent on batches',
      Math.round(busy_us),
    );
    out.value('tidegate_worker_lost_total', 'counter', 'Worker threads that died', this.#statistics.workers_lost);
    out.value('tidegate_worker_restarts_total', 'counter', 'Worker threads that replaced a dead one', restarts);
  }

  #devices(out: Exposition): void {
    const here = new Map([...this.#sources.devices()].map((version) => [labelText({ ...version }), 1]));
    out.family('tidegate_model_device', 'gauge', 'Always 1; the label device says what runs the version', here);
    const versions = [...this.#statistics.versions()];
    for (const [name, help, read] of DEVICE_COUNTERS) out.family(name, 'counter', help, counted(versions, read));
  }

  #memory(out: Exposition): void {
    const node = this.#sources.memory();
    out.value('tidegate_slab_used_bytes', 'gauge', 'Shared memory taken by requests and states', node.slab_used_bytes);
    out.value(
      'tidegate_slab_mapped_bytes',
      'gauge',
      'Shared memory held for requests and states',
      node.slab_mapped_bytes,
    );
    out.value(
      'tidegate_model_memory_used_bytes',
      'gauge',
      'What loaded models count for against the budget',
      node.model_used_bytes,
    );
    out.value(
      'tidegate_model_memory_budget_bytes',
      'gauge',
      'The budget for models in memory',
      node.model_budget_bytes,
    );
    const own = process.memoryUsage();
    out.value('tidegate_process_resident_bytes', 'gauge', 'Resident memory of the process', own.rss);
    out.value('tidegate_heap_used_bytes', 'gauge', 'JavaScript heap of the socket thread in use', own.heapUsed);
    out.value('tidegate_heap_held_bytes', 'gauge', 'JavaScript heap of the socket thread, used or not', own.heapTotal);
    out.value(
      'tidegate_external_bytes',
      'gauge',
      'Memory outside of the JavaScript heap that its objects hold',
      own.external,
    );
  }

  #callers(out: Exposition): void {
    const { connections, streams, unsent_bytes } = this.#sources.websocket();
    out.value('tidegate_open_connections', 'gauge', 'Open connections of any kind', this.#sources.connections());
    out.value('tidegate_open_websockets', 'gauge', 'Open WebSocket connections', connections);
    out.value('tidegate_open_streams', 'gauge', 'Open streams on WebSocket connections', streams);
    out.value('tidegate_websocket_unsent_bytes', 'gauge', 'Answers that their clients have not taken', unsent_bytes);
    out.value('tidegate_open_sequences', 'gauge', 'Sequences and streams with state', this.#sources.sequences());
  }

  #process(out: Exposition): void {
    const delayHelp = 'Microseconds that the socket thread was late for its timers';
    out.histogram('tidegate_event_loop_delay_us', delayHelp, [['', this.#loop.histogram]]);
    const { user, system } = process.cpuUsage();
    out.value(
      'tidegate_process_cpu_us_total',
      'counter',
      'Microseconds of processor time, of all threads',
      user + system,
    );
    out.value('tidegate_uptime_seconds', 'gauge', 'Age of the process', process.uptime());
    const { version, socket } = this.#build();
    const labels = labelText({ version, socket, node: process.version });
    out.family('tidegate_build_info', 'gauge', 'Always 1; the labels say what runs', [[labels, 1]]);
  }

  *#errors(): Iterable<Sample<number>> {
    for (const { face, code, count } of this.#statistics.errors()) yield [labelText({ face, code }), count];
  }
}

function each<T>(versions: readonly VersionCounters[], read: (counters: VersionCounters) => T): Sample<T>[] {
  return versions.map((counters) => [counters.labels, read(counters)]);
}

/** Whole numbers: nobody reads a fraction of a microsecond, and every scraper stores its digits. */
function counted(versions: readonly VersionCounters[], read: (counters: VersionCounters) => number): Sample<number>[] {
  return versions.map((counters) => [counters.labels, Math.round(read(counters))]);
}

function* failures(versions: readonly VersionCounters[]): Iterable<Sample<number>> {
  for (const { labels, failures: counts } of versions) {
    for (const reason of FAILURE_REASONS) yield [`${labels},reason="${reason}"`, counts[reason]];
  }
}

function* byFace(versions: readonly VersionCounters[]): Iterable<Sample<number>> {
  for (const { labels, answered } of versions) {
    for (const face of FACES) yield [`${labels},face="${face}"`, answered[face]];
  }
}

function* quantiles(versions: readonly VersionCounters[]): Iterable<Sample<number>> {
  for (const { labels, request_us } of versions) {
    if (request_us.count === 0) continue;
    for (const quantile of QUANTILES) {
      yield [`${labels},quantile="${quantile}"`, Math.round(request_us.quantile(quantile))];
    }
  }
}

/** A version that is being reloaded has two queues for a while, and the format wants every set of labels once. */
function open(pending: readonly PendingRequests[], what: 'requests' | 'bytes' | 'shed'): Iterable<Sample<number>> {
  const sums = new Map<string, number>();
  for (const item of pending) {
    const labels = labelText({ model: item.model, version: item.version });
    sums.set(labels, (sums.get(labels) ?? 0) + item[what]);
  }
  return sums;
}
