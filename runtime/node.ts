import type { ErrorCode } from '../contract/error.js';
import type { Limits } from '../contract/limits.js';
import type { Certificate } from '../std/certificate.js';
import { Admission } from './admission/admission.js';
import { Sequences } from './admission/sequences.js';
import { type FleetNode, type FleetSettings, joinFleet } from './agent/fleet-node.js';
import type { VersionCount } from './agent/load-meter.js';
import { Host } from './batch/host.js';
import { CorsPolicy } from './http/cors.js';
import { createHttpFace } from './http/http-face.js';
import { ModelRepository } from './model/repository.js';
import type { ModelCatalog } from './model/served-version.js';
import { createFaceLog, type FaceLog, type NodeLog } from './observe/face-log.js';
import { type MetricSources, Metrics } from './observe/metrics.js';
import { type ModelStatistics, Statistics } from './observe/statistics.js';
import { type PredictionSettings, type RunningLog, startLog } from './predict-log/start-log.js';
import type { HttpFace, Socket } from './socket/face.js';
import { listen, type SocketChoice } from './socket/listen.js';
import { createWebSocketFace, type StreamingFace } from './websocket/websocket-face.js';
import { lookForDevices } from './worker/found-devices.js';

export type { NodeLog };

export interface NodeOptions {
  /** Folder of models: DIR/<model>/<version>/model.onnx. */
  readonly models: string;
  readonly host: string;
  /** 0: one that the system gives. */
  readonly port: number;
  readonly socket: SocketChoice;
  /** Batches that run at a time. */
  readonly workers: number;
  /** Worker threads there may be; above it models share threads. */
  readonly max_threads: number;
  /** Origins whose pages may call this node from a browser, separated by commas; `*`: any; '': none. */
  readonly cors_origins: string;
  readonly server_name: string;
  readonly server_version: string;
  readonly model_poll_ms: number;
  /** Where the libraries of GPUs were laid out; absent: nobody looks for a GPU. */
  readonly backends_dir?: string;
  readonly spin_us: number;
  readonly poll_us: number;
  /** Models whose full batch takes no longer than this run on the socket thread; 0: none does. */
  readonly inline_us: number;
  readonly limits: Limits;
  /** undefined: no TLS. */
  readonly certificate?: Certificate | undefined;
  /** A line for every HTTP inference request, with its id and its trace. */
  readonly log_requests: boolean;
  /** undefined: no prediction is logged. */
  readonly predictions?: PredictionSettings | undefined;
  /** undefined: this node belongs to no fleet, and serves its folder alone. */
  readonly fleet?: FleetSettings | undefined;
  readonly log: NodeLog;
}

export interface RunningNode {
  readonly address: { readonly host: string; readonly port: number };
  readonly socketKind: Socket['kind'];
  readonly catalog: ModelCatalog;
  /** For what looks inside: tests of faults, later the agent of the fleet. */
  readonly host: Host;
  /** Resolves when every model that is served at start has loaded or failed. */
  settled(): Promise<void>;
  /**
   * Stops accepting, answers what was admitted, ends the threads. Returns whether all of them ended: a thread that is stuck in
   * native code cannot be ended from here, only with its process.
   */
  stop(): Promise<boolean>;
}

/** One data-plane node: the stages of docs/architecture.md, wired in the order of a request. */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const life: Life = { ready: true, socket: undefined };
  const stages = await openStages(options);
  const metrics = openMetrics(stages, options, life);
  const http = openHttp(stages, metrics, options, life);
  const { host, catalog, folder, websocket, sequences } = stages;
  const { limits } = options;
  try {
    const address = { host: options.host, port: options.port };
    life.socket = await listen({
      ...address,
      choice: options.socket,
      limits,
      http,
      websocket,
      certificate: options.certificate,
    });
  } catch (error) {
    await stages.fleet?.close();
    await folder.close();
    sequences.stop();
    metrics.stop();
    await host.stop(limits.drain_timeout_ms);
    await stages.predictions?.stop();
    throw error;
  }
  const parts = { ...stages, metrics, socket: life.socket };
  return {
    address: { host: options.host, port: life.socket.port },
    socketKind: life.socket.kind,
    catalog,
    host,
    settled: () => folder.started(),
    stop: () => {
      life.ready = false;
      return stopNode(parts, limits.drain_timeout_ms);
    },
  };
}

/** What changes while a node runs, and is asked for when somebody wants to know. */
interface Life {
  ready: boolean;
  socket: Socket | undefined;
}

interface Stages {
  readonly statistics: Statistics;
  readonly host: Host;
  readonly folder: ModelRepository;
  readonly fleet: FleetNode | undefined;
  /** The folder's models, and over them those of the fleet. */
  readonly catalog: ModelCatalog;
  readonly sequences: Sequences;
  readonly inference: Admission;
  readonly websocket: StreamingFace;
  readonly predictions: RunningLog | undefined;
  /** One for both faces: what repeats is told once a minute, whichever face it came through. */
  readonly faceLog: FaceLog;
}

async function openStages(options: NodeOptions): Promise<Stages> {
  const { limits, log, workers } = options;
  const statistics = new Statistics();
  const predictions =
    options.predictions === undefined ? undefined : startLog(options.predictions, options.server_version, log);
  const host = new Host(options, statistics, predictions?.predictions);
  const devices = await lookForDevices(options.backends_dir, log);
  const watched = { directory: options.models, poll_ms: options.model_poll_ms };
  const folder = await ModelRepository.start({ ...watched, host, workers, limits, log, devices });
  const { fleet: settings } = options;
  const fleet =
    settings === undefined
      ? undefined
      : await joinFleet({ settings, host, workers, limits, log, folder, devices, counts: () => counts(statistics) });
  const catalog = fleet?.catalog ?? folder;
  const sequences = new Sequences(host.arena, limits);
  const { max_queue_bytes } = limits;
  const inference = new Admission({ catalog, host, sequences, observer: statistics, max_queue_bytes });
  const faceLog = createFaceLog(log, options);
  const told = (code: ErrorCode) => statistics.told('websocket', code);
  const websocket = createWebSocketFace({ catalog, inference, limits, log: faceLog, told });
  return { statistics, host, folder, fleet, catalog, sequences, inference, websocket, predictions, faceLog };
}

function* counts(statistics: Statistics): Iterable<VersionCount> {
  for (const { model, version, success, failure } of statistics.versions()) {
    yield { model, version, answered: success.count, failed: failure.count, answered_us: success.us };
  }
}

function openMetrics(stages: Stages, options: NodeOptions, life: Life): Metrics {
  const build = () => ({ version: options.server_version, socket: life.socket?.kind ?? '' });
  return new Metrics(
    stages.statistics,
    metricSources(stages, options.workers, () => life.socket),
    build,
  );
}

function openHttp(stages: Stages, metrics: Metrics, options: NodeOptions, life: Life): HttpFace {
  const { catalog, inference, statistics, faceLog } = stages;
  const { server_name: name, server_version: version, limits } = options;
  const origins = options.cors_origins.split(',').map((origin) => origin.trim());
  return createHttpFace({
    catalog,
    inference,
    limits,
    log: faceLog,
    traced: stages.predictions !== undefined,
    cors: options.cors_origins === '' ? undefined : new CorsPolicy(origins),
    told: (code) => statistics.told('http', code),
    server: { name, version, socketKind: () => life.socket?.kind ?? '' },
    deviceOf: (served) => stages.host.deviceOf(served),
    statistics: (model, number) => modelStatistics(stages, model, number),
    metrics: () => metrics.expose(),
    ready: () => life.ready && catalog.settled,
  });
}

interface Parts extends Stages {
  readonly socket: Socket;
  readonly metrics: Metrics;
}

const DRAIN_POLL_MS = 5;
const LINGER_MS = 500;

/** In the order in which work flows: no new connections, what was admitted is answered, then the threads end. */
async function stopNode(parts: Parts, drain_timeout_ms: number): Promise<boolean> {
  const until = performance.now() + drain_timeout_ms;
  parts.socket.stopAccepting();
  await parts.websocket.goingAway(drain_timeout_ms);
  while (openRequests(parts.host) > 0 && performance.now() < until) await sleep(DRAIN_POLL_MS);
  parts.inference.stop();
  // Whoever is connected still has its answer: what remains is on its way out, or idle.
  const linger = Math.min(until, performance.now() + LINGER_MS);
  while (parts.socket.open_connections > 0 && performance.now() < linger) await sleep(DRAIN_POLL_MS);
  parts.socket.destroy();
  await parts.fleet?.close();
  await parts.folder.close();
  parts.sequences.stop();
  parts.metrics.stop();
  const ended = await parts.host.stop(Math.max(1000, until - performance.now()));
  await parts.predictions?.stop();
  return ended;
}

function openRequests(host: Host): number {
  let open = 0;
  for (const queue of host.backlog.queues()) open += queue.open_requests;
  return open;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function metricSources(
  { host, catalog, sequences, websocket, predictions }: Omit<Stages, 'faceLog'>,
  permits: number,
  socket: () => Socket | undefined,
): MetricSources {
  return {
    *pending() {
      for (const queue of host.backlog.queues()) {
        yield {
          model: queue.version.model,
          version: queue.versionText,
          requests: queue.open_requests,
          bytes: queue.open_bytes,
          shed: queue.shed,
        };
      }
    },
    workers: () => ({
      threads: host.fleet.links.size,
      running: host.dispatcher.running,
      permits,
      restarts: host.fleet.restarts,
      busy_us: host.dispatcher.busy_us,
    }),
    *devices() {
      for (const queue of host.backlog.queues()) {
        if (queue.device !== '') yield { model: queue.version.model, version: queue.versionText, device: queue.device };
      }
    },
    memory: () => {
      const models = catalog.memory();
      return {
        slab_used_bytes: host.arena.used_bytes,
        slab_mapped_bytes: host.arena.mapped_bytes,
        model_used_bytes: models.used_bytes,
        model_budget_bytes: models.budget_bytes,
      };
    },
    connections: () => socket()?.open_connections ?? 0,
    websocket: () => ({
      connections: websocket.open_connections,
      streams: websocket.open_streams,
      unsent_bytes: websocket.unsent_bytes,
    }),
    sequences: () => sequences.count,
    spool: () => predictions?.predictions.spool,
    shipper: () => predictions?.shipper,
  };
}

/** Triton's `model_stats`: of one version, of all versions of a model, or of everything. Throws MODEL_NOT_FOUND. */
function modelStatistics(
  { statistics, catalog, host }: Pick<Stages, 'statistics' | 'catalog' | 'host'>,
  model?: string,
  version?: string,
): { model_stats: ModelStatistics[] } {
  const of = (name: string, number: number) => {
    const { device } = host.deviceOf(catalog.describe(name, String(number)));
    return { ...statistics.of(name, number).toJSON(), device };
  };
  if (model !== undefined && version !== undefined && version !== '') {
    return { model_stats: [of(model, catalog.describe(model, version).version)] };
  }
  const models = model === undefined ? catalog.models() : [model];
  return { model_stats: models.flatMap((name) => catalog.versions(name).map((number) => of(name, number))) };
}
