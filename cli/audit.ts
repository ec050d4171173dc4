import { join } from 'node:path';
import { type Command, Option } from 'commander';
import type { z } from 'zod';
import { headPath, readHead } from '../control-plane/audit/audit-journal.js';
import { type Head, NO_ENTRIES, verifyChain } from '../control-plane/audit/chain.js';
import { type AuditEntry, AuditPageSchema } from '../control-plane/audit/entry.js';
import { journalLines } from '../std/journal.js';
import { type ControlOptions, control, print, withControl } from './control-client.js';
import { CommandError, EXIT } from './exit.js';
import { table } from './table.js';

interface ListOptions extends ControlOptions {
  readonly from?: string;
  readonly who?: string;
  readonly path?: string;
  readonly kind?: string;
  readonly limit: string;
}

/** `tidegate audit list|verify`: who changed what, who was refused, and whether somebody changed that. */
export function addAudit(program: Command): void {
  const audit = program.command('audit').description('the log of changes and refusals');
  withControl(audit.command('list'))
    .description('changes and refusals, newest first')
    .option('--from <time>', 'since then: a time, or a span like 24h')
    .option('--who <name>', 'name or id of a token')
    .option('--path <beginning>', 'what was changed, like /v1/models/flights')
    .addOption(new Option('--kind <kind>', 'of this kind only').choices(['asked', 'answered', 'refused', 'noted']))
    .option('--limit <count>', 'most entries', '50')
    .addHelpText('after', '\nExample:\n  tidegate audit list --from 24h --kind refused')
    .action(list);
  audit
    .command('verify')
    .description('follow the chain of hashes through the whole log')
    .option('--data-dir <dir>', 'the folder of the control plane', '.tidegate')
    .option('--expect <n:hash>', 'an entry that was noted elsewhere, as GET /v1/audit/head tells it')
    .option('--json', 'the answer as JSON')
    .addHelpText('after', '\nExample:\n  tidegate audit verify --data-dir .tidegate')
    .action(verify);
}

async function list({ controlUrl, json, ...filter }: ListOptions): Promise<void> {
  const given = Object.entries(filter).flatMap(([name, value]): [string, string][] =>
    typeof value === 'string' ? [[name, value]] : [],
  );
  const query = new URLSearchParams(given);
  const page = await control(controlUrl, { path: `/v1/audit?${query}`, schema: AuditPageSchema });
  print(page, json, ({ items }) => table(['ENTRY', 'AT', 'WHO', 'FROM', 'WHAT'], items.map(rowOf)));
}

function rowOf(entry: z.infer<typeof AuditPageSchema>['items'][number]): string[] {
  const who = 'who' in entry ? entry.who.name : '';
  return [String(entry.n), entry.at, who, 'from' in entry ? entry.from : '', whatOf(entry)];
}

function whatOf(entry: AuditEntry): string {
  switch (entry.kind) {
    case 'asked':
      return `${entry.method} ${entry.path}`;
    case 'answered':
      return `  entry ${entry.of} was answered ${entry.status}${entry.code === undefined ? '' : ` ${entry.code}`}`;
    case 'refused':
      return `${entry.method} ${entry.path} refused: ${entry.code}`;
    case 'noted':
      return entry.what;
  }
}

interface VerifyOptions {
  readonly dataDir: string;
  readonly expect?: string;
  readonly json?: true;
}

function verify({ dataDir, expect, json }: VerifyOptions): void {
  const path = join(dataDir, 'control', 'audit.jsonl');
  // The head first: what is appended meanwhile is longer than it, and never shorter.
  const heads = [readHead(headPath(path)), ...(expect === undefined ? [] : [headOf(expect)])];
  const results = heads.map((head) => verifyChain(linesIn(path), head));
  const broken = results.find((result) => result.broken !== undefined)?.broken;
  const { head } = results[0];
  if (json === true)
    console.log(JSON.stringify({ path, entries: head.n, hash: head.hash, broken: broken ?? null }, null, 2));
  if (broken !== undefined) {
    throw new CommandError(EXIT.FAILED, `${path} was changed, line ${broken.line}: ${broken.problem}`);
  }
  if (json !== true) console.log(`${head.n} entries, none changed, the last is ${head.n}:${head.hash}`);
}

function headOf(text: string): Head {
  const [, n, hash] = /^(\d+):([0-9a-f]{64})$/.exec(text) ?? [];
  if (n === undefined) throw new CommandError(EXIT.USAGE, `--expect is '${text}': give n:hash, as it was noted`);
  return { ...NO_ENTRIES, n: Number(n), hash };
}

function* linesIn(path: string): Generator<string> {
  try {
    for (const { line } of journalLines(path)) yield line;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CommandError(EXIT.USAGE, `there is no audit log to read: ${why}; give the folder with --data-dir`);
  }
}
