import { createHash } from 'node:crypto';
import { mkdir, open, readdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { type ArtifactFile, ArtifactFileSchema } from '../contract/artifact.js';
import { type ControlOptions, control, withControl } from './control-client.js';
import { CommandError, EXIT } from './exit.js';
import { reach } from './node-client.js';
import { ProgressBar } from './progress-bar.js';

const FilesSchema = z.looseObject({ version: z.number(), digest: z.string(), files: z.array(ArtifactFileSchema) });

/** `tidegate pull MODEL@VERSION DIR`: the files of a version, as they were pushed. */
export function addPull(program: Command): void {
  withControl(program.command('pull').argument('<model@version>').argument('<directory>', 'a new or an empty one'))
    .description('fetch the files of a version from the registry')
    .addHelpText('after', '\nExample:\n  tidegate pull flights@champion ./flights')
    .action(pull);
}

async function pull(what: string, directory: string, { controlUrl, json }: ControlOptions): Promise<void> {
  const at = what.lastIndexOf('@');
  if (at < 1) throw new CommandError(EXIT.USAGE, `'${what}' names no version: give model@version, like flights@3`);
  const [model, version] = [what.slice(0, at), what.slice(at + 1)].map(encodeURIComponent);
  const path = `/v1/models/${model}/versions/${version}/files`;
  const found = await control(controlUrl, { path, schema: FilesSchema });
  await mkdir(directory, { recursive: true });
  if ((await readdir(directory)).length > 0)
    throw new CommandError(EXIT.USAGE, `'${directory}' is not empty: what is there would be mixed with the version`);
  const bar = new ProgressBar(
    'pull',
    found.files.reduce((sum, { size }) => sum + size, 0),
  );
  try {
    for (const file of found.files) await fetchFile(controlUrl, join(directory, file.path), file, bar);
  } finally {
    bar.end();
  }
  console.log(
    json === true
      ? JSON.stringify(found, null, 2)
      : `${what} is version ${found.version}: ${found.files.length} files in ${directory}`,
  );
}

/** Under its own name a file is whole, and what its digest says. */
async function fetchFile(url: string, target: string, { path, digest }: ArtifactFile, bar: ProgressBar): Promise<void> {
  const response = await reach(url, `/v1/artifacts/${digest}`, {});
  if (!response.ok || response.body === null)
    throw new CommandError(EXIT.FAILED, `'${path}' (${digest}) could not be fetched: status ${response.status}`);
  await mkdir(dirname(target), { recursive: true });
  const hash = createHash('sha256');
  const out = await open(`${target}.part`, 'w');
  try {
    for await (const chunk of response.body) {
      hash.update(chunk);
      bar.add(chunk.length);
      await out.writeFile(chunk);
    }
  } finally {
    await out.close();
  }
  const came = `sha256:${hash.digest('hex')}`;
  if (came !== digest)
    throw new CommandError(EXIT.FAILED, `'${path}' came as ${came}, and should be ${digest}: pull it again`);
  await rename(`${target}.part`, target);
}
