import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { backendsFolder } from '../std/backends-folder.js';
import { CommandError, EXIT } from './exit.js';
import { addSettings, configOf } from './settings.js';
import { table } from './table.js';

/** `tidegate doctor`: what this machine has to run models on, what is missing, and what to do about it. */
export function addDoctor(program: Command): void {
  addSettings(program.command('doctor').description('what this machine has to run models on, and what is missing'))
    .option('--python <program>', 'Python that is asked for', 'python3')
    .addHelpText('after', '\nExample:\n  tidegate doctor --models ./models\n\nEnds with 1 where something is broken.')
    .action(async (_options, command: Command) => {
      const { config } = configOf(command, process.env);
      const python: unknown = command.opts()['python'];
      const backends_dir = backendsFolder(config);
      const { examine } = await import('./doctor/examine.js');
      const { findings, devices } = await examine({ backends_dir, python: typeof python === 'string' ? python : '' });
      const rows = findings.map(({ part, state, found, remedy }) => [part, state, oneLine(found), remedy]);
      console.log(table(['PART', 'STATE', 'FOUND', 'REMEDY'], rows));
      const { models, workers } = config;
      console.log(`\n${availableParallelism()} cores, ${workers} batches at a time (workers)`);
      if (existsSync(models)) {
        const { sessionChoices } = await import('./doctor/session-choices.js');
        const choices = await sessionChoices(models, workers, devices);
        const cells = choices.map(({ model, device, instances, threads, why }) => [
          model,
          device,
          instances,
          threads,
          why,
        ]);
        console.log(`\n${table(['MODEL', 'DEVICE', 'INSTANCES', 'THREADS', 'WHY'], cells)}`);
      }
      const broken = findings.filter(({ state }) => state === 'broken').map(({ part }) => part);
      if (broken.length > 0) throw new CommandError(EXIT.FAILED, `broken: ${broken.join(', ')}`);
    });
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ');
}
