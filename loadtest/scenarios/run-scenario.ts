import { cp, mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { TidegateError } from '../../contract/error.js';
import { writeBenchModels } from '../bench-models.js';
import { runClosedLoop } from '../closed-loop.js';
import { httpBytes } from '../open-loop/http-connection.js';
import type { LoadPlan, LoadRequest } from '../open-loop/load-plan.js';
import { type LoadProgress, runLoad } from '../open-loop/run-load.js';
import { type LoadResult, loadResult } from '../report/load-result.js';
import { startRuntime } from '../started-runtime.js';
import { inputsOf, requestFor } from './request.js';
import { needsOwnRuntime, type Scenario } from './scenario.js';
import { SlowClients } from './slow-clients.js';
import { Swaps } from './swaps.js';

export interface ScenarioOptions {
  /** A server that runs already; undefined: the scenario starts a node with the model `small`. */
  readonly url: string | undefined;
  readonly model: string;
  /** Instead of the scenario's base rate. */
  readonly rate_per_s: number | undefined;
  /** Times the length of each step. */
  readonly time_scale: number;
  readonly seed: number;
  readonly remote_consent: boolean;
  readonly onProgress?: (progress: LoadProgress) => void;
}

const LOOPBACK = new Set(['127.0.0.1', '[::1]', 'localhost']);
const PEAK_MS = 2000;
const LONGEST_MS = 3_600_000;
const OWN_MODEL = 'small';

/** Runs a scenario against the server that is named, or one that it starts and stops. */
export async function runScenario(name: string, scenario: Scenario, options: ScenarioOptions): Promise<LoadResult> {
  if (options.url === undefined) return onOwnRuntime(name, scenario, options);
  const own = needsOwnRuntime(scenario);
  if (own !== undefined) {
    throw new TidegateError(
      'INVALID_CONFIG',
      `the scenario '${name}' brings a runtime with ${own}: run it without --url`,
    );
  }
  return load(name, scenario, options, target(options.url, options.remote_consent), [options.model], undefined);
}

/** A load is for one's own machine unless somebody says otherwise: a wrong address would be an attack. */
export function target(url: string, remote_consent: boolean): URL {
  if (!URL.canParse(url) || new URL(url).protocol !== 'http:') {
    throw new TidegateError('INVALID_CONFIG', `--url is '${url}': give one like http://127.0.0.1:8080`);
  }
  const parsed = new URL(url);
  if (!LOOPBACK.has(parsed.hostname) && !remote_consent) {
    throw new TidegateError(
      'INVALID_CONFIG',
      `${parsed.hostname} is another machine: loads go to loopback only. If it is yours to load, add --yes-load-another-machine`,
    );
  }
  return parsed;
}

async function onOwnRuntime(name: string, scenario: Scenario, options: ScenarioOptions): Promise<LoadResult> {
  const directory = await mkdtemp(join(tmpdir(), 'tidegate-load-'));
  try {
    const repository = join(directory, 'models');
    await writeBenchModels(repository);
    const models = [OWN_MODEL];
    for (let copy = 2; copy <= scenario.models; copy++) {
      models.push(`${OWN_MODEL}-${copy}`);
      await cp(join(repository, OWN_MODEL), join(repository, `${OWN_MODEL}-${copy}`), { recursive: true });
    }
    const flags = ['--data-dir', join(directory, 'data'), '--model-poll-ms', '200', ...scenario.runtime_flags];
    const runtime = await startRuntime(repository, flags);
    try {
      const url = new URL(`http://127.0.0.1:${runtime.port}`);
      return await load(name, scenario, options, url, models, join(repository, OWN_MODEL));
    } finally {
      await runtime.stop();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function load(
  name: string,
  scenario: Scenario,
  options: ScenarioOptions,
  url: URL,
  models: readonly string[],
  folder: string | undefined,
): Promise<LoadResult> {
  const host = url.hostname.replace(/^\[|\]$/g, '').replace('localhost', '127.0.0.1');
  const port = Number(url.port || 80);
  const inputs = await inputsOf(url.origin, models[0]);
  const requests = models.flatMap((model, rank) =>
    scenario.traffic.map((traffic) => requestFor(model, inputs, traffic, traffic.weight / (rank + 1))),
  );
  const base = await baseRate(scenario, options, host, port, requests[0]);
  const plan = planOf(scenario, options, { host, port, base, requests });
  const slow =
    scenario.slow_clients > 0
      ? new SlowClients(host, port, httpBytes(requests[0], url.host), scenario.slow_clients)
      : undefined;
  const swaps =
    scenario.swap_every_ms > 0 && folder !== undefined ? new Swaps(folder, scenario.swap_every_ms) : undefined;
  try {
    return loadResult(name, plan, await runLoad(plan, options.onProgress));
  } finally {
    slow?.close();
    await swaps?.close();
  }
}

interface Aim {
  readonly host: string;
  readonly port: number;
  readonly base: number;
  readonly requests: readonly LoadRequest[];
}

export function planOf(scenario: Scenario, options: Pick<ScenarioOptions, 'time_scale' | 'seed'>, aim: Aim): LoadPlan {
  const phases = scenario.steps.map(({ name, seconds, from, to }) => ({
    name,
    duration_ms: seconds * 1000 * options.time_scale,
    from_per_s: from * aim.base,
    to_per_s: to * aim.base,
  }));
  const total_ms = phases.reduce((sum, { duration_ms }) => sum + duration_ms, 0);
  if (total_ms > LONGEST_MS) {
    throw new TidegateError(
      'INVALID_CONFIG',
      `the load would take ${total_ms / 1000} s: ${LONGEST_MS / 1000} s is the longest`,
    );
  }
  return {
    face: scenario.face,
    host: aim.host,
    port: aim.port,
    phases,
    arrivals: scenario.arrivals,
    seed: options.seed,
    // The server needs cores too; more threads than this would mostly take them from it.
    threads: Math.max(1, Math.min(4, Math.floor(availableParallelism() / 2))),
    requests: aim.requests,
    connections: scenario.connections,
    max_waiting: 20_000,
    drain_ms: 5000,
    window_ms: Math.max(100, Math.min(1000, total_ms / 100)),
    answers_per_connection: scenario.answers_per_connection,
  };
}

async function baseRate(
  scenario: Scenario,
  options: ScenarioOptions,
  host: string,
  port: number,
  request: LoadRequest,
): Promise<number> {
  if (options.rate_per_s !== undefined) return options.rate_per_s;
  if (scenario.base !== 'peak') return scenario.base;
  if (host !== '127.0.0.1') {
    const message = 'the peak is measured on 127.0.0.1 only: say with --rate how much the other machine manages';
    throw new TidegateError('INVALID_CONFIG', message);
  }
  const closed = { port, request: httpBytes(request, host), connections: 64 };
  await runClosedLoop({ ...closed, duration_ms: PEAK_MS / 2 });
  return (await runClosedLoop({ ...closed, duration_ms: PEAK_MS })).requests_per_s;
}
