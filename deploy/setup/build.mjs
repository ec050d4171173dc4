import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runCommand } from './command.mjs';
import { SetupFailure } from './failure.mjs';
import { filesBelow, hashOf, textOf } from './files.mjs';

const STAMP = 'dist/.built';
const SHOWN_ERRORS = 20;

/** The folders that tsconfig.json builds; read as text, since it has comments. @param {string} root */
function sourceFolders(root) {
  const include = /"include"\s*:\s*\[([^\]]*)\]/.exec(readFileSync(join(root, 'tsconfig.json'), 'utf8'));
  return [...(include?.[1] ?? '').matchAll(/"([^"]+)"/g)].map((match) => match[1]);
}

/** @param {string} root */
function sourcesOf(root) {
  return sourceFolders(root).flatMap((folder) =>
    filesBelow(join(root, folder))
      .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
      .map((path) => `${folder}/${path}`),
  );
}

/** @param {string} source */
function outputOf(source) {
  return `dist/${source.replace(/\.ts$/, '.js')}`;
}

/**
 * @param {string} root
 * @param {readonly string[]} sources
 */
function stampOf(root, sources) {
  return hashOf(root, ['tsconfig.json', 'package-lock.json', ...sources]);
}

/** @param {string} root */
export function buildStatus(root) {
  const sources = sourcesOf(root);
  const before = textOf(join(root, STAMP));
  if (before === '') return { stale: true, why: 'nothing is built yet' };
  if (before !== stampOf(root, sources)) return { stale: true, why: 'sources changed' };
  const lost = sources.find((source) => !existsSync(join(root, outputOf(source))));
  return lost === undefined ? { stale: false, why: '' } : { stale: true, why: `${outputOf(lost)} is missing` };
}

/**
 * @param {string} root
 * @param {string} why
 * @param {(line: string) => void} say
 */
export async function build(root, why, say) {
  const sources = sourcesOf(root);
  const stamp = stampOf(root, sources);
  say(`building ${sources.length} files (${why})`);
  removeStale(root, sources);
  // An incremental build does not write again what it believes is there.
  if (sources.some((source) => !existsSync(join(root, outputOf(source))))) {
    rmSync(join(root, 'dist', '.tsbuildinfo'), { force: true });
  }
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { ok, ending, lines } = await runCommand(process.execPath, [compiler, '-p', '.'], { cwd: root });
  if (!ok) {
    const shown = lines.slice(0, SHOWN_ERRORS).join('\n');
    throw new SetupFailure(
      'build',
      `tsc ${ending}\n${shown}`,
      'correct the sources named above (npx tsc -p . shows all of it); if they are as published, delete node_modules and dist and try again',
    );
  }
  const command = join(root, 'dist', 'cli', 'main.js');
  if (existsSync(command)) chmodSync(command, 0o755);
  mkdirSync(dirname(join(root, STAMP)), { recursive: true });
  writeFileSync(join(root, STAMP), stamp);
}

/**
 * What a deleted source left behind would still be run and packed.
 *
 * @param {string} root
 * @param {readonly string[]} sources
 */
function removeStale(root, sources) {
  const known = new Set(sources.map(outputOf));
  for (const folder of sourceFolders(root)) {
    for (const path of filesBelow(join(root, 'dist', folder))) {
      const script = `dist/${folder}/${path.replace(/(\.d\.ts|\.js\.map|\.d\.ts\.map)$/, '.js')}`;
      if (!known.has(script)) rmSync(join(root, 'dist', folder, path), { force: true });
    }
  }
}
