import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type ArtifactFile, pathProblem } from '../contract/artifact.js';
import { CommandError, EXIT } from './exit.js';

/** The files of a directory as an artefact lists them: hashed as they are read, whatever their size. Hidden files are no part of a model. */
export async function packageDirectory(directory: string, told: (bytes: number) => void): Promise<ArtifactFile[]> {
  const files: ArtifactFile[] = [];
  for (const path of await pathsBelow(directory, '')) {
    const problem = pathProblem(path);
    if (problem !== undefined) throw new CommandError(EXIT.USAGE, `'${path}' cannot be pushed: ${problem}`);
    files.push({ path, ...(await hashed(join(directory, path), told)) });
  }
  if (files.length === 0)
    throw new CommandError(
      EXIT.USAGE,
      `'${directory}' is empty: a version is model.onnx, model.json or saved_model.pb, and what belongs to it`,
    );
  return files;
}

async function pathsBelow(directory: string, prefix: string): Promise<string[]> {
  const entries = await readdir(join(directory, prefix)).catch((cause: unknown) => {
    throw new CommandError(
      EXIT.USAGE,
      `'${join(directory, prefix)}' is no directory that can be read: ${String(cause)}`,
    );
  });
  const paths: string[] = [];
  for (const name of entries.filter((each) => !each.startsWith('.')).sort()) {
    const path = prefix === '' ? name : `${prefix}/${name}`;
    const found = await lstat(join(directory, path));
    // A link may lead anywhere: what is pushed is what lies here.
    if (found.isSymbolicLink()) throw new CommandError(EXIT.USAGE, `'${path}' is a link: put the file itself there`);
    if (found.isDirectory()) paths.push(...(await pathsBelow(directory, path)));
    else if (found.isFile()) paths.push(path);
    else throw new CommandError(EXIT.USAGE, `'${path}' is no file`);
  }
  return paths;
}

async function hashed(path: string, told: (bytes: number) => void): Promise<Pick<ArtifactFile, 'size' | 'digest'>> {
  const hash = createHash('sha256');
  let size = 0;
  const bytes: AsyncIterable<Buffer> = createReadStream(path);
  for await (const chunk of bytes) {
    hash.update(chunk);
    size += chunk.length;
    told(chunk.length);
  }
  return { size, digest: `sha256:${hash.digest('hex')}` };
}
