import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { controlSeed, nodeSeed } from '../../bus/server/keys.js';
import type { Log } from '../../std/log.js';
import type { Config } from '../../std/settings.js';
import { storeEnvironment } from '../../store/environment.js';
import { environmentOf } from './environment.js';
import { SupervisedProcess } from './supervised-process.js';

const TIDEGATE = fileURLToPath(new URL('../main.js', import.meta.url));
/** Beyond what a process allows itself. */
const STOP_GRACE_MS = 10_000;

export interface RunningMachine {
  /** '' where there is no fleet. */
  readonly nats_url: string;
  /** '' where nothing keeps a log. */
  readonly clickhouse_url: string;
  /** '' where there is no log to ask. */
  readonly control_url: string;
  readonly runtime_url: string;
  /** Starts one more process beside the others, which is stopped first. */
  add(name: string, program: string, args: readonly string[]): Promise<void>;
  /** In the order in which records flow: who asks, who answers, who stores. */
  stop(): Promise<void>;
  /** Ends everything at once. */
  kill(): void;
}

export interface OwnServers {
  /** A ClickHouse of our own, where `config` names none. */
  readonly store: boolean;
  /** The path of a nats-server, where `config` names no NATS; undefined: there is none, and so no fleet. */
  readonly nats_server: string | undefined;
}

/** All processes of Tidegate on this machine. */
export async function startMachine(config: Config, log: Log, own: OwnServers): Promise<RunningMachine> {
  const running: SupervisedProcess[] = [];
  const start = async (name: string, program: string, args: readonly string[], own: Config): Promise<string> => {
    const supervised = new SupervisedProcess({
      name,
      program,
      args,
      env: { ...environmentOf(own), ...storeEnvironment() },
      stop_timeout_ms: config.limits.drain_timeout_ms + STOP_GRACE_MS,
      onDeath: (how, delay_ms) => log.error({ process: name, how, delay_ms }, `the ${name} ${how}: starting it again`),
      onRestarted: (url) => log.warn({ process: name, url }, `the ${name} runs again`),
    });
    running.push(supervised);
    return supervised.start();
  };
  const stop = async () => {
    for (const supervised of running.toReversed()) await supervised.stop();
  };
  try {
    const [clickhouse_url, bus] = await Promise.all([
      own.store ? start('store', TIDEGATE, ['store'], config) : config.clickhouse_url,
      startBus(config, own.nats_server, (nats) => start('NATS', TIDEGATE, ['nats'], nats)),
    ]);
    const informed = { ...config, clickhouse_url, nats_url: bus.url };
    const controlling = { ...informed, nats_seed_file: bus.control_seed };
    const serving = { ...informed, nats_seed_file: bus.node_seed };
    // The runtime is started last, so that it is stopped first: what it logged in its last moments still finds the store.
    const control =
      clickhouse_url === '' ? Promise.resolve('') : start('control plane', TIDEGATE, ['control-plane'], controlling);
    const [control_url, runtime_url] = await Promise.all([control, start('runtime', TIDEGATE, ['runtime'], serving)]);
    return {
      nats_url: bus.url,
      clickhouse_url,
      control_url,
      runtime_url,
      add: async (name, program, args) => void (await start(name, program, args, informed)),
      stop,
      kill: () => {
        for (const supervised of running) supervised.kill();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface MachineBus {
  readonly url: string;
  readonly control_seed: string;
  readonly node_seed: string;
}

/** Each process knows NATS by a key of its own: the runtime may do what a node may, and no more. */
async function startBus(
  config: Config,
  nats_server: string | undefined,
  start: (config: Config) => Promise<string>,
): Promise<MachineBus> {
  const { nats_url, nats_seed_file: given, data_dir, environment, node_name } = config;
  if (nats_url !== '' || nats_server === undefined) return { url: nats_url, control_seed: given, node_seed: given };
  const directory = join(data_dir, 'nats');
  const node_seed = await nodeSeed(directory, environment, node_name.toLowerCase());
  const url = await start({ ...config, nats_server });
  return { url, control_seed: controlSeed(directory), node_seed };
}
