import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeError, EXIT, exitCodeOf } from '../cli/exit.js';
import { TidegateError } from '../contract/error.js';
import { nearestName } from '../std/nearest-name.js';
import { findK6 } from './k6/find-k6.js';
import { target } from './scenarios/run-scenario.js';

// From dist/loadtest/ to the checkout: k6 reads the scripts as they are written.
const SCRIPTS = fileURLToPath(new URL('../../loadtest/k6/', import.meta.url));
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/tidegate', import.meta.url));

const HELP = `npm run load:k6 -- SCRIPT [options]
  --url URL      the server (default: the script's own, on loopback)
  --set K=V      what the script reads: RATE, DURATION, MODEL, P99_MS, STREAMS, MESSAGES; may come again and again
  --k6 PATH      the k6 to use (default: the PATH, else the PyPI wheel, else a build by Go)
  --yes-load-another-machine   needed when --url is not loopback

Scripts: ${scripts().join(', ')}
Exit codes: those of k6; 99 when a threshold was crossed.`;

function scripts(): string[] {
  const names = readdirSync(SCRIPTS).filter((name) => name.endsWith('.js'));
  return names.map((name) => name.slice(0, -'.js'.length));
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      url: { type: 'string' },
      set: { type: 'string', multiple: true, default: [] },
      k6: { type: 'string' },
      help: { type: 'boolean', default: false },
      'yes-load-another-machine': { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const [script] = positionals;
  if (script === undefined || !scripts().includes(script)) {
    const near = nearestName(script ?? '', scripts());
    const hint = near === undefined ? '' : ` Did you mean '${near}'?`;
    throw new TidegateError('INVALID_CONFIG', `there is no script '${script ?? ''}'.${hint}\n\n${HELP}`);
  }
  const set = [...values.set];
  if (values.url !== undefined) set.push(`URL=${target(values.url, values['yes-load-another-machine']).origin}`);
  const k6 = await findK6(values.k6, CACHE);
  const args = ['run', '--no-usage-report', ...set.flatMap((pair) => ['-e', pair]), `${SCRIPTS}${script}.js`];
  const child = spawn(k6, args, { stdio: 'inherit' });
  const [code]: unknown[] = await once(child, 'exit');
  return typeof code === 'number' ? code : EXIT.FAILED;
}

try {
  process.exitCode = await main();
} catch (thrown) {
  console.error(`load:k6: ${describeError(thrown, process.env)}`);
  process.exitCode = exitCodeOf(thrown);
}
