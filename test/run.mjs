// Runs the whole suite: `npm test`, or a part of it: `npm test -- [AREA]… [--skip AREA]… [--slow] [--no-lint] [--dist DIR]`. An area is
// a folder below test/ or the beginning of a file's name there: `codec`, `integration/swap`, `tidy`. `--only AREA` says the same.
// Plain JavaScript, so that it runs before anything is compiled. The type check is the build itself, which `pretest` has done.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const SLOW = 'slow';
// A file that hangs is ended, so that its name is printed and the others count. Nothing is judged by its speed.
const FILE_TIMEOUT_MS = { usual: 300_000, slow: 600_000 };

function say(/** @type {string} */ line) {
  process.stdout.write(`${line}\n`);
}

function heading(/** @type {string} */ text) {
  say(`\n── ${text} ${'─'.repeat(Math.max(3, 76 - text.length))}`);
}

/** @returns {Promise<number>} */
function execute(/** @type {string} */ script, /** @type {readonly string[]} */ args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, ...args], { cwd: ROOT, stdio: 'inherit' });
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}

/** @returns {string[]} */
function testsBelow(/** @type {string} */ folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return testsBelow(path);
    return entry.name.endsWith('.test.js') ? [path] : [];
  });
}

/**
 * What takes longest starts first, so that no processor is idle at the end.
 *
 * @param {string} dist
 * @param {{ only: readonly string[], skip: readonly string[], slow: boolean }} wanted
 */
function chosenTests(dist, { only, skip, slow }) {
  const root = join(dist, 'test');
  const names = testsBelow(root).map((path) => relative(root, path).replaceAll('\\', '/'));
  const suited = names.filter((name) => name.startsWith(`${SLOW}/`) === slow);
  const chosen = only.length === 0 ? suited : names.filter((name) => only.some((area) => isIn(name, area)));
  const kept = chosen.filter((name) => !skip.some((area) => isIn(name, area)));
  const weight = (/** @type {string} */ name) =>
    Number(name.startsWith('python/')) * 2 + Number(name.startsWith('integration/'));
  return kept.sort((a, b) => weight(b) - weight(a) || (a < b ? -1 : 1)).map((name) => join(root, name));
}

/** `codec`, `integration/swap` or `tidy`: a folder, or the beginning of a path. */
function isIn(/** @type {string} */ name, /** @type {string} */ area) {
  const plain = area.replace(/^test\//, '').replace(/(\.test)?\.[jt]s$/, '');
  return name.startsWith(plain.includes('/') ? plain : `${plain}/`) || name.startsWith(`${plain}.`);
}

/**
 * @param {readonly string[]} files
 * @param {boolean} slow
 * @returns {Promise<boolean>}
 */
async function runTests(files, slow) {
  let failures = 0;
  const stream = run({
    files: [...files],
    // The slow suites measure memory and processes, and would disturb one another.
    concurrency: slow ? 1 : Math.max(2, availableParallelism()),
    timeout: slow ? FILE_TIMEOUT_MS.slow : FILE_TIMEOUT_MS.usual,
  });
  stream.on('test:fail', () => {
    failures++;
  });
  const report = stream.compose(spec);
  report.pipe(process.stdout, { end: false });
  await new Promise((resolve, reject) => {
    report.on('end', resolve);
    report.on('error', reject);
  });
  return failures === 0;
}

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: 'string', multiple: true, default: [] },
      skip: { type: 'string', multiple: true, default: [] },
      slow: { type: 'boolean', default: false },
      lint: { type: 'boolean', default: true },
      'no-lint': { type: 'boolean', default: false },
      dist: { type: 'string', default: 'dist' },
    },
  });
  const only = [...values.only, ...positionals];
  return { ...values, only, lint: values.lint && !values['no-lint'] && only.length === 0 && !values.slow };
}

async function main() {
  const started = performance.now();
  const wanted = readArguments();
  const dist = join(ROOT, wanted.dist);
  const files = chosenTests(dist, wanted);
  if (files.length === 0) {
    say(
      wanted.only.length === 0
        ? `${wanted.dist}/ holds no tests: run npm run build`
        : `no test matches ${wanted.only.join(', ')}`,
    );
    return 2;
  }
  /** @type {string[]} */
  const failed = [];
  if (wanted.lint) {
    heading('lint: biome, no warnings');
    const biome = join(ROOT, 'node_modules', '@biomejs', 'biome', 'bin', 'biome');
    if ((await execute(biome, ['check', '--error-on-warnings', '.'])) !== 0) failed.push('lint');
  }
  heading(`${wanted.slow ? 'slow ' : ''}tests: ${files.length} files on Node ${process.version}`);
  if (!(await runTests(files, wanted.slow))) failed.push('tests');
  heading(failed.length === 0 ? 'all passed' : `failed: ${failed.join(' and ')}`);
  say(`in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return failed.length === 0 ? 0 : 1;
}

process.exitCode = await main();
