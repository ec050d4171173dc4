import { TidegateError } from '../../contract/error.js';
import { nearestName } from '../../std/nearest-name.js';
import type { LoadFace } from '../open-loop/load-plan.js';
import type { Arrivals } from '../open-loop/schedule.js';

/** A part of a load's traffic. */
export interface Traffic {
  readonly weight: number;
  readonly rows: number;
  readonly form: 'json' | 'binary';
}

export interface Step {
  readonly name: string;
  readonly seconds: number;
  /** Multiples of the base rate. */
  readonly from: number;
  readonly to: number;
}

/** A load as data: what comes, how often, and what else happens meanwhile. */
export interface Scenario {
  readonly about: string;
  readonly steps: readonly Step[];
  /** What 1 means in `steps`, a second; `peak`: what a closed loop gets out of the server just before. `--rate` overrides it. */
  readonly base: number | 'peak';
  readonly traffic: readonly Traffic[];
  readonly face: LoadFace;
  readonly arrivals: Arrivals;
  readonly connections: number;
  /** Copies of the model on the runtime that the scenario starts, asked for by Zipf's law: the k-th as often as 1/k. */
  readonly models: number;
  /** 0: connections stay. */
  readonly answers_per_connection: number;
  /** Connections beside the load that send their requests byte by byte, and read nothing. */
  readonly slow_clients: number;
  /** A new version of the model becomes the served one so often; 0: never. */
  readonly swap_every_ms: number;
  /** Flags of the runtime that the scenario starts. */
  readonly runtime_flags: readonly string[];
}

const STEADY: Scenario = {
  about: 'the same rate all the time',
  steps: [{ name: 'steady', seconds: 20, from: 1, to: 1 }],
  base: 500,
  traffic: [{ weight: 1, rows: 1, form: 'json' }],
  face: 'http',
  arrivals: 'poisson',
  connections: 64,
  models: 1,
  answers_per_connection: 0,
  slow_clients: 0,
  swap_every_ms: 0,
  runtime_flags: [],
};

const RAMP = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 2];
/** Nothing listens there (the port is reserved, and no program takes it by itself): a store that is down from the first row on. */
const STORE_THAT_IS_DOWN = 'http://127.0.0.1:1';

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  steady: STEADY,
  ramp: {
    ...STEADY,
    about: 'step by step to twice what the server was measured to manage: latency over load, and what it does beyond',
    base: 'peak',
    connections: 256,
    steps: RAMP.map((share) => ({ name: `${Math.round(share * 100)} %`, seconds: 4, from: share, to: share })),
  },
  spike: {
    ...STEADY,
    about: 'calm, ten times as much for a moment, calm again',
    steps: [
      { name: 'before', seconds: 6, from: 1, to: 1 },
      { name: 'spike', seconds: 3, from: 10, to: 10 },
      { name: 'after', seconds: 8, from: 1, to: 1 },
    ],
  },
  soak: {
    ...STEADY,
    about: 'ten minutes with swaps, and connections that come and go',
    steps: Array.from({ length: 10 }, (_, minute) => ({ name: `minute ${minute + 1}`, seconds: 60, from: 1, to: 1 })),
    answers_per_connection: 500,
    swap_every_ms: 15_000,
  },
  'mixed-models': { ...STEADY, about: 'a hundred models, asked for by Zipf’s law', models: 100, base: 300 },
  'mixed-sizes': {
    ...STEADY,
    about: 'requests of 1, 8, 32 and 128 rows, JSON and binary',
    base: 200,
    traffic: [
      { weight: 50, rows: 1, form: 'json' },
      { weight: 20, rows: 1, form: 'binary' },
      { weight: 15, rows: 8, form: 'json' },
      { weight: 10, rows: 32, form: 'binary' },
      { weight: 5, rows: 128, form: 'binary' },
    ],
  },
  'slow-clients': {
    ...STEADY,
    about: 'a load beside fifty clients that send byte by byte and read nothing',
    slow_clients: 50,
  },
  'reconnect-storm': {
    ...STEADY,
    about: 'every connection is closed after three answers and opened again',
    answers_per_connection: 3,
  },
  'reconnect-storm-websocket': {
    ...STEADY,
    about: 'the same over WebSocket, after ten answers',
    face: 'websocket',
    connections: 16,
    answers_per_connection: 10,
  },
  websocket: { ...STEADY, about: 'the same rate all the time over WebSocket', face: 'websocket', connections: 16 },
  swap: { ...STEADY, about: 'a new version every two seconds while requests come', swap_every_ms: 2000 },
  'store-down': {
    ...STEADY,
    about: 'the prediction log is on, and its store does not answer',
    runtime_flags: ['--prediction-log', 'on', '--clickhouse-url', STORE_THAT_IS_DOWN],
  },
};

export function scenarioNamed(name: string): Scenario {
  if (Object.hasOwn(SCENARIOS, name)) return SCENARIOS[name];
  const names = Object.keys(SCENARIOS);
  const near = nearestName(name, names);
  const hint = near === undefined ? '' : `, did you mean '${near}'?`;
  throw new TidegateError('INVALID_CONFIG', `there is no scenario '${name}'${hint} There are: ${names.join(', ')}`);
}

/** What a server that the scenario did not start cannot be made to do; undefined: it can. */
export function needsOwnRuntime(scenario: Scenario): string | undefined {
  if (scenario.models > 1) return `its ${scenario.models} models`;
  if (scenario.swap_every_ms > 0) return 'its swaps';
  return scenario.runtime_flags.length > 0 ? `its flags (${scenario.runtime_flags.join(' ')})` : undefined;
}
