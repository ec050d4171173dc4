import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { nodeSeed, siteSeed } from '../bus/server/keys.js';
import { NameSchema } from '../contract/desired-state.js';
import { CommandError, EXIT } from './exit.js';
import { addSettings, configOf } from './settings.js';

const OwnerSchema = z.object({ pid: z.int().positive() });

/** `tidegate nats-key NAME`: a key for a node or a site, known to the server of this machine. */
export function addNatsKey(program: Command): void {
  addSettings(program.command('nats-key').argument('<name>', 'name of the node, or of the site'))
    .description('make the key that NATS on this machine knows a node by, and print its file')
    .option('--site', 'for the server of a site, which speaks for all of its nodes')
    .addHelpText('after', '\nExample:\n  tidegate nats-key edge-7 --data-dir .tidegate')
    .action(async (name: string, _options, command: Command) => {
      const { config } = configOf(command, process.env);
      const parsed = NameSchema.safeParse(name);
      if (!parsed.success)
        throw new CommandError(EXIT.USAGE, `'${name}' is no name: ${parsed.error.issues[0].message}`);
      const directory = join(config.data_dir, 'nats');
      const isSite: unknown = command.opts()['site'];
      const make = isSite === true ? siteSeed : nodeSeed;
      console.log(await make(directory, config.environment, parsed.data));
      await letServerRead(directory);
    });
}

/** A server that does not run reads it when it starts. */
async function letServerRead(directory: string): Promise<void> {
  const text = await readFile(join(directory, 'lock'), 'utf8').catch(() => '{}');
  const owner = OwnerSchema.safeParse(JSON.parse(text));
  if (!owner.success) return;
  try {
    process.kill(owner.data.pid, 'SIGHUP');
  } catch {
    console.error('The server does not run: it reads the key when it starts.');
  }
}
