import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Counts the starts of this node, in its own folder: reports of an earlier life are then known to be older, whatever order they arrive in. */
export async function nextLife(directory: string): Promise<number> {
  await mkdir(directory, { recursive: true });
  const path = join(directory, 'life');
  const before = Number(await readFile(path, 'utf8').catch(() => '0'));
  // A folder that was lost must not make this node look older than it was: seconds since 1970 are always later than any count of starts.
  const life = Math.max(Number.isSafeInteger(before) ? before + 1 : 0, Math.floor(Date.now() / 1000));
  await writeFile(`${path}.new`, String(life), { flush: true });
  await rename(`${path}.new`, path);
  return life;
}
