// Makes a checkout ready: `node deploy/setup.mjs start|test|build`. Does only what is missing, so it runs before every start and
// every test. Plain JavaScript without dependencies: it is what installs and builds the rest.
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, buildStatus } from './setup/build.mjs';
import { demoStatus, makeDemo, placeDemo } from './setup/demo.mjs';
import { dependencyStatus, installDependencies } from './setup/dependencies.mjs';
import { checkNode, SetupFailure, whatWentWrong } from './setup/failure.mjs';
import { withLock } from './setup/lock.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const TASKS = ['start', 'test', 'build'];

const say = (/** @type {string} */ line) => process.stdout.write(`setup: ${line}\n`);

/** What still has to be done, in order. `test` needs no demo models: its suites train and make what they use. */
function missing(/** @type {string} */ task) {
  // A packed package carries what was built, and nothing to build it from.
  if (!existsSync(join(ROOT, 'tsconfig.json'))) return [];
  const dependencies = dependencyStatus(ROOT);
  const built = buildStatus(ROOT);
  const demo = task === 'test' ? { stale: false, why: '' } : demoStatus(ROOT);
  // What only development needs may be absent where nothing is left to develop: an image with its outputs and `--omit=dev`.
  const wantsTools = task === 'test' || built.stale || demo.stale;
  const steps = [];
  if (dependencies.stale || (dependencies.lacksTools && wantsTools))
    steps.push({ what: 'install', why: dependencies.why });
  if (built.stale) steps.push({ what: 'build', why: built.why });
  if (demo.stale) steps.push({ what: 'demo', why: demo.why });
  return steps;
}

async function carryOut(/** @type {{ what: string, why: string }[]} */ steps) {
  for (const { what, why } of steps) {
    const started = performance.now();
    if (what === 'install') await installDependencies(ROOT, why, say);
    if (what === 'build') await build(ROOT, why, say);
    if (what === 'demo') await makeDemo(ROOT, why, say);
    say(`${what} done in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  }
}

async function main(/** @type {string | undefined} */ task) {
  checkNode();
  if (task === undefined || !TASKS.includes(task)) {
    throw new SetupFailure('arguments', `'${task ?? ''}' is no task`, `run: node deploy/setup.mjs ${TASKS.join('|')}`);
  }
  if (missing(task).length > 0) {
    mkdirSync(join(ROOT, 'dist'), { recursive: true });
    await withLock(join(ROOT, 'dist', '.setup.lock'), say, async () => {
      // Looked at again under the lock: another set-up may just have done it. A fresh install may change what has to be built.
      await carryOut(missing(task).filter(({ what }) => what === 'install'));
      await carryOut(missing(task));
    });
  }
  if (task === 'start') placeDemo(ROOT, process.env.TIDEGATE_DATA_DIR || join(ROOT, '.tidegate'), say);
}

try {
  await main(process.argv[2]);
} catch (thrown) {
  process.stderr.write(whatWentWrong(thrown));
  process.exitCode = 1;
}
