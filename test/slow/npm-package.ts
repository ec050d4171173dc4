import { execFile } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Cleanup, temporaryFolder } from '../harness/checkout.js';
import { userEnvironment } from './clone.js';

const LIMIT_MS = 400_000;

/** The folder of a package that is fetched and opened, nothing of it installed or run; undefined where npm cannot have it. */
export async function fetchedPackage(t: Cleanup, name: string): Promise<string | undefined> {
  const folder = await temporaryFolder(t, 'package');
  const options = { cwd: folder, env: userEnvironment(), timeout: LIMIT_MS };
  try {
    await promisify(execFile)('npm', ['pack', name, '--silent'], options);
  } catch {
    return undefined;
  }
  const archive = (await readdir(folder)).find((file) => file.endsWith('.tgz'));
  if (archive === undefined) return undefined;
  const opened = join(folder, 'opened');
  await mkdir(opened);
  await promisify(execFile)('tar', ['-xzf', join(folder, archive), '-C', opened], options);
  return join(opened, 'package');
}
