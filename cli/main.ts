#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { SETTINGS } from '../std/config.js';
import { addAskCommands } from './ask-commands.js';
import { describeError, EXIT, exitCodeOf } from './exit.js';
import { productVersion } from './product.js';
import { serve } from './serve.js';
import { addSettings, configOf } from './settings.js';
import { table } from './table.js';
import { demoModels, up } from './up.js';

const EXITS = `
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused, 4 not reachable.
Every setting is a flag, else a TIDEGATE_* variable, else a key of tidegate.yaml, else its default: see tidegate config.`;

function build(): Command {
  const program = new Command('tidegate')
    .description('Edge and streaming inference: batched model serving over HTTP and WebSocket.')
    .version(productVersion())
    .addHelpText('after', EXITS)
    .exitOverride()
    .configureHelp({ showGlobalOptions: false });
  addSettings(program.command('runtime').description('serve a folder of models'))
    .addHelpText(
      'after',
      '\nExamples:\n  tidegate runtime --models ./models\n  tidegate runtime --models ./models --port 9000 --workers 4 --limit-max-body-bytes 128MiB',
    )
    .action(async (_options, command: Command) => {
      await serve(configOf(command, process.env).config);
    });
  addSettings(program.command('up').description('serve the demo models, and say what to try next'))
    .addHelpText('after', '\nExample:\n  tidegate up --port 9000')
    .action(async (_options, command: Command) => {
      const { data_dir } = configOf(command, process.env).config;
      await up(
        configOf(
          command,
          process.env,
          new Map([
            ['models', demoModels(data_dir)],
            ['log_level', 'warn'],
          ]),
        ).config,
      );
    });
  addSettings(program.command('config').description('print every setting, its value and where it came from'))
    .addHelpText('after', '\nExample:\n  TIDEGATE_WORKERS=4 tidegate config')
    .action((_options, command: Command) => printConfig(command));
  addAskCommands(program);
  return program;
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
    String(values.get(key)),
    sources.get(key) ?? '',
    flag,
    variable,
  ]);
  console.log(table(['SETTING', 'VALUE', 'FROM', 'FLAG', 'VARIABLE'], rows));
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
