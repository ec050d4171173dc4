import { type Command, Option } from 'commander';
import { z } from 'zod';
import { controlUrlOption } from './control-client.js';
import { ask, send } from './node-client.js';
import { ROW_TYPES, sentFile } from './sent-file.js';
import { table } from './table.js';

const TYPES = { '.json': 'application/json', ...ROW_TYPES };
const SHOWN_ROWS = 10;

const ReportSchema = z.object({
  accepted: z.number(),
  rejected: z.number(),
  rejected_rows: z.array(z.object({ row: z.number(), problem: z.string() })),
});
const SummarySchema = z.object({
  labels: z.number(),
  waiting: z.number(),
  joined: z.number(),
  late: z.number(),
  unusable: z.number(),
});

interface PushOptions {
  readonly controlUrl: string;
  readonly model?: string;
  readonly source?: string;
  readonly onError: string;
  readonly key?: string;
  readonly json?: true;
}

interface StatusOptions {
  readonly controlUrl: string;
  readonly model?: string;
  readonly json?: true;
}

/** `tidegate labels push|status`: what became of what was predicted. */
export function addLabels(program: Command): void {
  const labels = program.command('labels').description('outcomes that were known later');
  withUrl(labels.command('push').argument('<file>', 'JSON, NDJSON, CSV or Parquet, by its ending'))
    .description('send labels: rows with label, and request_id or entity_key and ts')
    .option('--model <name>', 'model of rows that name none')
    .option('--source <name>', 'where the labels are from')
    .addOption(
      new Option(
        '--on-error <policy>',
        'skip: take the rows that are not broken; refuse: one broken row, and none is taken',
      )
        .choices(['skip', 'refuse'])
        .default('skip'),
    )
    .option('--key <text>', 'the same file with the same key counts once, whatever was corrected since')
    .option('--json', 'the whole report as JSON')
    .addHelpText('after', '\nExample:\n  tidegate labels push landed.csv --model flights --on-error refuse')
    .action(push);
  withUrl(labels.command('status'))
    .description('how many labels there are, and what became of them')
    .option('--model <name>', 'of this model only')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  tidegate labels status --model flights')
    .action(status);
}

function withUrl(command: Command): Command {
  return command.addOption(controlUrlOption());
}

async function push(file: string, { controlUrl, model, source, onError, key, json }: PushOptions): Promise<void> {
  const { body, type } = await sentFile(file, TYPES);
  const query = new URLSearchParams({
    on_error: onError,
    ...(model === undefined ? {} : { model }),
    ...(source === undefined ? {} : { source }),
  });
  const headers = { 'content-type': type, ...(key === undefined ? {} : { 'idempotency-key': key }) };
  const report = await send(controlUrl, { path: `/v1/labels?${query}`, body, headers, schema: ReportSchema });
  console.log(json === true ? JSON.stringify(report, null, 2) : reportText(report));
}

function reportText({ accepted, rejected, rejected_rows }: z.infer<typeof ReportSchema>): string {
  const lines = [`${accepted} labels taken, ${rejected} rows broken`];
  if (rejected === 0) return lines.join('\n');
  lines.push(
    '',
    table(
      ['ROW', 'PROBLEM'],
      rejected_rows.slice(0, SHOWN_ROWS).map(({ row, problem }) => [String(row), problem]),
    ),
  );
  if (rejected > SHOWN_ROWS)
    lines.push(`… and ${rejected - SHOWN_ROWS} more (--json tells of ${rejected_rows.length})`);
  return lines.join('\n');
}

async function status({ controlUrl, model, json }: StatusOptions): Promise<void> {
  const query = model === undefined ? '' : `?${new URLSearchParams({ model })}`;
  const summary = await ask(controlUrl, { path: `/v1/labels${query}`, schema: SummarySchema });
  if (json === true) {
    console.log(JSON.stringify(summary, null, 2));
    return;
  }
  const { labels, waiting, joined, late, unusable } = summary;
  const row = [labels, waiting, joined, late, unusable].map(String);
  console.log(table(['LABELS', 'WAITING', 'JOINED', 'LATE', 'UNUSABLE'], [row]));
}
