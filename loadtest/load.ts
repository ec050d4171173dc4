import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { describeError, EXIT, exitCodeOf } from '../cli/exit.js';
import { TidegateError } from '../contract/error.js';
import type { LoadProgress } from './open-loop/run-load.js';
import { htmlOf } from './report/html.js';
import { type LoadResult, LoadResultSchema, readLoadResult } from './report/load-result.js';
import { markdownOf } from './report/markdown.js';
import { runScenario } from './scenarios/run-scenario.js';
import { SCENARIOS, scenarioNamed } from './scenarios/scenario.js';

const HELP = `npm run load -- SCENARIO [options]
  --url URL        a server that runs already (default: start a runtime of its own)
  --model NAME     the model to ask there (default small)
  --rate N         requests a second that the scenario's steps are multiples of
  --time-scale X   times the length of each step: 0.1 for a quick look (default 1)
  --seed N         of arrivals and of what is asked (default 1)
  --out FOLDER     where SCENARIO.json, .md and .html go (default load-results)
  --show FILE      print the table of a result file, and write its page anew
  --schema         print the JSON Schema of result files
  --yes-load-another-machine   needed when --url is not loopback

Scenarios:
${Object.entries(SCENARIOS)
  .map(([name, { about }]) => `  ${name.padEnd(27)}${about}`)
  .join('\n')}`;

const OPTIONS = {
  url: { type: 'string' },
  model: { type: 'string', default: 'small' },
  rate: { type: 'string' },
  'time-scale': { type: 'string', default: '1' },
  seed: { type: 'string', default: '1' },
  out: { type: 'string', default: 'load-results' },
  show: { type: 'string' },
  schema: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
  'yes-load-another-machine': { type: 'boolean', default: false },
} as const;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true });
  if (values.schema) return console.log(JSON.stringify(z.toJSONSchema(LoadResultSchema), null, 2));
  if (values.show !== undefined) {
    const result = readLoadResult(await readFile(values.show, 'utf8'), values.show);
    return write(result, values.out);
  }
  if (values.help) return console.log(HELP);
  if (positionals.length !== 1) throw new TidegateError('INVALID_CONFIG', `name one scenario.\n\n${HELP}`);
  const [name] = positionals;
  const scenario = scenarioNamed(name);
  console.error(`${name}: ${scenario.about}`);
  const result = await runScenario(name, scenario, {
    url: values.url,
    model: values.model,
    rate_per_s: values.rate === undefined ? undefined : numberOf('--rate', values.rate, 1e6),
    time_scale: numberOf('--time-scale', values['time-scale'], 100),
    seed: Math.floor(numberOf('--seed', values.seed, 2 ** 31)),
    remote_consent: values['yes-load-another-machine'],
    onProgress: showProgress,
  });
  if (process.stderr.isTTY) process.stderr.write('\n');
  await write(result, values.out);
}

function numberOf(flag: string, text: string, most: number): number {
  const value = Number(text);
  if (value > 0 && value <= most) return value;
  throw new TidegateError('INVALID_CONFIG', `${flag} is '${text}': give a number above 0, at most ${most}`);
}

let shown_ms = 0;

/** One line that changes on a terminal; elsewhere, in logs, a line every five seconds. */
function showProgress({ elapsed_ms, ok, refused, failed, pending }: LoadProgress): void {
  const text = `${(elapsed_ms / 1000).toFixed(1).padStart(7)} s  ${ok} answered, ${refused} refused, ${failed} failed, ${pending} in flight`;
  if (process.stderr.isTTY) process.stderr.write(`\r${text}\x1b[K`);
  else if (elapsed_ms - shown_ms >= 5000) {
    shown_ms = elapsed_ms;
    console.error(text);
  }
}

async function write(result: LoadResult, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const path = (ending: string) => join(folder, `${result.scenario}.${ending}`);
  await writeFile(path('json'), `${JSON.stringify(result)}\n`);
  await writeFile(path('md'), markdownOf(result));
  await writeFile(path('html'), htmlOf(result));
  console.log(`${markdownOf(result)}\n${path('json')}, ${path('md')}, ${path('html')}`);
}

try {
  await main();
} catch (thrown) {
  console.error(`load: ${describeError(thrown, process.env)}`);
  process.exitCode =
    thrown instanceof TidegateError && thrown.code === 'NOT_FOUND' ? EXIT.UNREACHABLE : exitCodeOf(thrown);
}
