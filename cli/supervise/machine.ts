import { fileURLToPath } from 'node:url';
import type { Log } from '../../std/log.js';
import type { Config } from '../../std/settings.js';
import { storeEnvironment } from '../../store/environment.js';
import { environmentOf } from './environment.js';
import { SupervisedProcess } from './supervised-process.js';

const TIDEGATE = fileURLToPath(new URL('../main.js', import.meta.url));
/** Beyond what a process allows itself. */
const STOP_GRACE_MS = 10_000;

export interface RunningMachine {
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

/** All processes of Tidegate on this machine. `withStore`: a ClickHouse of our own, where `config` names none. */
export async function startMachine(config: Config, log: Log, withStore: boolean): Promise<RunningMachine> {
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
    const clickhouse_url = withStore ? await start('store', TIDEGATE, ['store'], config) : config.clickhouse_url;
    const informed = { ...config, clickhouse_url };
    // The runtime is started last, so that it is stopped first: what it logged in its last moments still finds the store.
    const control =
      clickhouse_url === '' ? Promise.resolve('') : start('control plane', TIDEGATE, ['control-plane'], informed);
    const [control_url, runtime_url] = await Promise.all([control, start('runtime', TIDEGATE, ['runtime'], informed)]);
    return {
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
