import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNatsServer } from '../bus/server/nats-program.js';
import { TidegateError } from '../contract/error.js';
import { createLog, type Log } from '../std/log.js';
import type { Config } from '../std/settings.js';
import { demoMonitors, startDemo } from './demo.js';
import { CommandError, EXIT } from './exit.js';
import { isReady } from './node-client.js';
import { isInstalled } from './store.js';
import { type RunningMachine, startMachine } from './supervise/machine.js';
import { welcome } from './welcome.js';

const READY_POLL_MS = 20;

export interface UpOptions {
  /** Whether examples/ may send its flights, so that there is something to see. */
  readonly demo: boolean;
}

/** `npm start`: everything on this machine, on the demo models, and what to try next. */
export async function up(config: Config, { demo }: UpOptions): Promise<void> {
  const log = createLog({
    level: config.log_level,
    format: config.log_format,
    service: 'up',
    node: config.node_name,
  });
  const hasEngine = isInstalled('chdb');
  const watched = demo && config.monitors === '' ? demoMonitors() : config.monitors;
  const own = { store: config.clickhouse_url === '' && hasEngine, nats_server: await natsServer(config) };
  const machine = await startMachine({ ...config, monitors: watched }, log, own);
  stopOnSignals(machine, log);
  while (!(await isReady(machine.runtime_url))) await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
  console.log(await welcome(machine));
  if (machine.nats_url === '') console.log(NO_FLEET);
  if (machine.clickhouse_url === '') console.log(NO_ENGINE);
  else if (demo && (await startDemo(machine))) console.log(FLOWING);
}

/** undefined: there is none, which keeps nothing but the fleet from running. */
async function natsServer(config: Config): Promise<string | undefined> {
  if (config.nats_url !== '') return undefined;
  try {
    return await findNatsServer(config.nats_server, config.data_dir, (line) => console.log(line));
  } catch (error) {
    if (config.nats_server !== '' || !(error instanceof TidegateError)) throw error;
    console.log(error.message);
    return undefined;
  }
}

const NO_FLEET = 'There is no NATS, so no registry and no fleet: this node serves its folder of models.';

const NO_ENGINE =
  'Predictions are not logged: the package chdb has no binary for this platform. Name a ClickHouse server with CLICKHOUSE_URL.';

const FLOWING = `Flights of 2001 flow past the model: January at once, as the reference, then a hundred a second. In another terminal, a minute from now:
  npx tidegate drift flights                            what moved since January
  npx tidegate drift flights --segment month=2001-03    in one month
  npx tidegate performance flights --by segment:month   how right it was, once flights have landed
  npx tidegate alerts list                              what the monitors of the demo say
`;

/** The demo models: where set-up places them in a checkout, else those that travel with the package. */
export function demoModels(data_dir: string): string {
  const placed = join(data_dir, 'models');
  const packed = fileURLToPath(new URL('../demo/models', import.meta.url));
  const found = [placed, packed].find((folder) => existsSync(folder));
  if (found !== undefined) return found;
  const remedy =
    'run npm start in a checkout, which makes them, or serve a folder of your own: tidegate runtime --models DIR';
  throw new CommandError(EXIT.FAILED, `there are no demo models in ${placed}: ${remedy}`);
}

/** The first signal lets everything finish that was begun; the second ends all processes at once. */
function stopOnSignals(machine: RunningMachine, log: Log): void {
  let stopping = false;
  const stop = (signal: NodeJS.Signals) => {
    if (stopping) {
      machine.kill();
      process.exit(EXIT.FAILED);
    }
    stopping = true;
    log.info({ signal }, 'stopping: what was begun is finished first; a second signal ends at once');
    machine.stop().then(
      () => process.exit(EXIT.DONE),
      (error: unknown) => {
        log.error({ error }, 'stopping failed');
        machine.kill();
        process.exit(EXIT.FAILED);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}
