import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { TidegateError } from '../../contract/error.js';
import { type FoundModel, scanModel } from './scan.js';

/** `<version>/<name>`: a plain file directly in the directory of a version. */
const FILE_NAME = /^([1-9]\d{0,14})\/([^/\\\0]+)$/;

/** Writes files that came with a load into a directory of their own, in the layout of a repository. */
export async function writeOverrideFiles(model: string, files: ReadonlyMap<string, Uint8Array>): Promise<FoundModel> {
  for (const name of files.keys()) {
    const file = FILE_NAME.exec(name)?.[2];
    if (file === undefined || file === '.' || file === '..') {
      throw new TidegateError('INVALID_CONFIG', `file '${name}': write it as file:<version>/<name>`);
    }
  }
  const repository = await mkdtemp(join(tmpdir(), 'tidegate-model-'));
  try {
    for (const [name, bytes] of files) {
      const path = join(repository, model, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, bytes, { mode: 0o600 });
    }
    const found = await scanModel(repository, model);
    if (found === undefined) throw new TidegateError('INVALID_CONFIG', `no files for a model '${model}'`);
    return found;
  } catch (cause) {
    await rm(repository, { recursive: true, force: true });
    throw cause;
  }
}

/** Removes what `writeOverrideFiles` wrote. */
export async function removeOverrideFiles(found: FoundModel): Promise<void> {
  const repository = dirname(found.directory);
  if (basename(repository).startsWith('tidegate-model-')) await rm(repository, { recursive: true, force: true });
}
