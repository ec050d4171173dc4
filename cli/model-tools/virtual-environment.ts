import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { needPython, runWell, venvPython } from '../setup/python.js';

const INSTALL_LIMIT_MS = 1_800_000;

export function shipped(name: string): string {
  return fileURLToPath(new URL(`../../../deploy/backends/${name}`, import.meta.url));
}

/** The Python of a virtual environment with the packages of `requirements`; made at its first use, and anew when they change. */
export async function environmentFor(
  requirements: string,
  { backends_dir, python, say }: { backends_dir: string; python: string; say: (line: string) => void },
): Promise<string> {
  const list = shipped(requirements);
  const wanted = createHash('sha256').update(readFileSync(list)).digest('hex');
  const folder = join(backends_dir, requirements.replace(/\.txt$/, '-python'));
  const mark = join(folder, 'made-from');
  const own = venvPython(folder);
  if (existsSync(own) && existsSync(mark) && readFileSync(mark, 'utf8') === wanted) return own;
  await needPython(python, 'it');
  say(`making a virtual environment in ${folder}: this takes a minute, once`);
  await rm(folder, { recursive: true, force: true });
  await mkdir(dirname(folder), { recursive: true });
  await runWell(python, ['-m', 'venv', folder], { limit_ms: INSTALL_LIMIT_MS });
  await runWell(own, ['-m', 'pip', 'install', '--quiet', '--no-cache-dir', '-r', list], { limit_ms: INSTALL_LIMIT_MS });
  await writeFile(mark, wanted);
  return own;
}
