#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { SETTINGS } from '../std/config.js';
import { quantityText } from '../std/quantity.js';
import { SECRET_SETTINGS } from '../std/settings.js';
import { addAlerts } from './alerts.js';
import { addApply } from './apply/command.js';
import { addAskCommands } from './ask-commands.js';
import { addAudit } from './audit.js';
import { addCheck } from './check.js';
import { addCompare } from './compare.js';
import { addCompletion } from './completion.js';
import { addConvert } from './convert.js';
import { addDeploy } from './deploy.js';
import { addDoctor } from './doctor.js';
import { addDrift } from './drift.js';
import { addEvents } from './events.js';
import { describeError, EXIT, exitCodeOf } from './exit.js';
import { addLabels } from './labels.js';
import { addNatsKey } from './nats-key.js';
import { addNodes } from './nodes.js';
import { addOperations } from './operations.js';
import { addOptimize } from './optimize.js';
import { addPerformance } from './performance.js';
import { productVersion } from './product.js';
import { addPull } from './pull.js';
import { addPush } from './push.js';
import { addReferences } from './references.js';
import { addRegistry } from './registry.js';
import { addSettings, configOf } from './settings.js';
import { addSetup } from './setup.js';
import { table } from './table.js';
import { addToken } from './token.js';

const EXITS = `
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused, 4 not reachable.
Every setting is a flag, else a TIDEGATE_* variable, else a key of tidegate.yaml, else its default: see tidegate config.`;

function build(): Command {
  const program = new Command('tidegate')
    .description('Edge and streaming inference: batched model serving over HTTP and WebSocket.')
    .version(productVersion())
    .addHelpText('after', EXITS)
    .exitOverride()
    // Else `--version` behind a command would be the program's: predict has one of its own.
    .enablePositionalOptions();
  addRuntime(program);
  addStore(program);
  addNats(program);
  addNatsKey(program);
  addControlPlane(program);
  addUp(program);
  addSettings(program.command('config').description('print every setting, its value and where it came from'))
    .addHelpText('after', '\nExample:\n  TIDEGATE_WORKERS=4 tidegate config')
    .action((_options, command: Command) => printConfig(command));
  addAskCommands(program);
  addCheck(program);
  addPush(program);
  addPull(program);
  addRegistry(program);
  addDeploy(program);
  addNodes(program);
  addApply(program);
  addDrift(program);
  addReferences(program);
  addPerformance(program);
  addCompare(program);
  addLabels(program);
  addAlerts(program);
  addEvents(program);
  addOperations(program);
  addToken(program);
  addAudit(program);
  addSetup(program);
  addDoctor(program);
  addCompletion(program);
  addConvert(program);
  addOptimize(program);
  program
    .command('version')
    .description('print the version of tidegate and of Node.js')
    .addHelpText('after', '\nExample:\n  tidegate version')
    .action(() => console.log(`tidegate ${productVersion()} (Node.js ${process.version})`));
  return program;
}

/** Here nobody reads a log: what is served is printed instead. */
const UP_LOG_LEVEL = 'warn';

function addRuntime(program: Command): void {
  addSettings(program.command('runtime').description('serve a folder of models'))
    .addHelpText(
      'after',
      '\nExamples:\n  tidegate runtime --models ./models\n  tidegate runtime --models ./models --port 9000 --workers 4 --limit-max-body-bytes 128MiB',
    )
    .action(async (_options, command: Command) => {
      const { config } = configOf(command, process.env);
      // Only here, so that the other commands do not wait for the libraries of the runtime.
      const { serve } = await import('./serve.js');
      await serve(config);
    });
}

function addStore(program: Command): void {
  addSettings(
    program.command('store').description("run ClickHouse's engine on this machine, behind its HTTP interface"),
  )
    .addHelpText('after', '\nExample:\n  tidegate store --store-port 8123 --data-dir .tidegate')
    .action(async (_options, command: Command) => {
      const { config } = configOf(command, process.env);
      const { store } = await import('./store.js');
      await store(config);
    });
}

function addNats(program: Command): void {
  addSettings(program.command('nats').description('run the real nats-server with JetStream on this machine'))
    .addHelpText('after', '\nExample:\n  tidegate nats --nats-port 4222 --data-dir .tidegate')
    .action(async (_options, command: Command) => {
      const { config } = configOf(command, process.env);
      const { runNatsServer } = await import('../bus/server/process.js');
      await runNatsServer(config);
    });
}

function addControlPlane(program: Command): void {
  addSettings(
    program.command('control-plane').description('answer what the prediction log tells: references and drift'),
  )
    .addHelpText('after', '\nExample:\n  CLICKHOUSE_URL=http://127.0.0.1:8123 tidegate control-plane')
    .action(async (_options, command: Command) => {
      const { config } = configOf(command, process.env);
      const { runControlPlane } = await import('../control-plane/process.js');
      await runControlPlane(config, productVersion());
    });
}

function addUp(program: Command): void {
  const described = new Map([
    ['models', 'models in the data directory'],
    ['log_level', UP_LOG_LEVEL],
  ]);
  const about = 'run everything on this machine: a store, the control plane, a runtime with the demo models';
  addSettings(program.command('up').description(about), described)
    .option('--no-demo', 'do not let the flights of the demo flow')
    .addHelpText('after', '\nExample:\n  tidegate up --port 9000')
    .action(async (_options, command: Command) => {
      const { config, sources } = configOf(command, process.env);
      const { demoModels, up } = await import('./up.js');
      const models = sources.get('models') === 'default' ? demoModels(config.data_dir) : config.models;
      const log_level = sources.get('log_level') === 'default' ? UP_LOG_LEVEL : config.log_level;
      const wanted: unknown = command.opts()['demo'];
      const demo = wanted !== false && sources.get('models') === 'default';
      await up({ ...config, models, log_level }, { demo });
    });
}

function printConfig(command: Command): void {
  const { config, sources } = configOf(command, process.env);
  const { limits, ...own } = config;
  const values: ReadonlyMap<string, unknown> = new Map<string, unknown>([
    ...Object.entries(own),
    ...Object.entries(limits).map(([key, value]): [string, unknown] => [`limits.${key}`, value]),
  ]);
  const rows = SETTINGS.map(({ key, flag, variable }) => [
    key,
    printed(key, values.get(key)),
    sources.get(key) ?? '',
    flag,
    variable,
  ]);
  console.log(table(['SETTING', 'VALUE', 'FROM', 'FLAG', 'VARIABLE'], rows));
}

function printed(key: string, value: unknown): string {
  const text = quantityText(value, key);
  if (SECRET_SETTINGS.has(key)) return text === '' ? '' : '***';
  return key.endsWith('_url') ? text.replace(/(\/\/[^/:@]*):[^/@]*@/, '$1:***@') : text;
}

try {
  await build().parseAsync();
} catch (thrown) {
  if (thrown instanceof CommanderError) {
    process.exitCode = thrown.exitCode === 0 ? EXIT.DONE : EXIT.USAGE;
  } else {
    console.error(`tidegate: ${describeError(thrown, process.env)}`);
    process.exitCode = exitCodeOf(thrown);
  }
}
