import type { Command } from 'commander';
import { z } from 'zod';
import { controlUrlOption } from './control-client.js';
import { CommandError, EXIT } from './exit.js';
import { ask, send } from './node-client.js';
import { ROW_TYPES, sentFile } from './sent-file.js';
import { sparkbars } from './sparkbars.js';
import { table } from './table.js';

const EntrySchema = z.object({
  reference_id: z.number(),
  features: z.number(),
  rows: z.number(),
  of_version: z.number().optional(),
  from: z.string().optional(),
  to: z.string().optional(),
  created_at: z.string(),
});
const ListSchema = z.object({ items: z.array(EntrySchema) });
const counts = z.array(z.number());
const FeatureSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('numeric'), feature: z.string(), edges: counts, coarse: counts, reference: counts }),
  z.object({
    kind: z.literal('categorical'),
    feature: z.string(),
    categories: z.array(z.string()),
    reference: counts,
  }),
]);
const SpecSchema = z.object({ features: z.array(FeatureSchema) });

type Entry = z.infer<typeof EntrySchema>;
type Feature = z.infer<typeof FeatureSchema>;

interface Options {
  readonly controlUrl: string;
  readonly json?: true;
}

interface CreateOptions extends Options {
  readonly from?: string;
  readonly to?: string;
  readonly version?: string;
}

const WIDTH = 24;
const SHOWN_CATEGORIES = 4;

/** `tidegate references list|show|create`: what drift is compared with. */
export function addReferences(program: Command): void {
  const references = program.command('references').description('what drift is compared with');
  withUrl(references.command('list').argument('<model>', 'name of the model'))
    .description('references of a model, newest first')
    .addHelpText('after', '\nExample:\n  tidegate references list flights')
    .action(list);
  withUrl(references.command('show').argument('<model>', 'name of the model').argument('[id]', 'default: the newest'))
    .description('features of a reference: their kind, their range, their shape')
    .addHelpText('after', '\nExample:\n  tidegate references show flights')
    .action(show);
  withUrl(
    references
      .command('create')
      .argument('<model>', 'name of the model')
      .argument('[file]', 'a training set: CSV, NDJSON or Parquet, by its ending; without it --from and --to'),
  )
    .description('freeze what was logged in a window, or a training set')
    .option('--from <time>', 'begin of the window: a time, or a span before now like 24h')
    .option('--to <time>', 'end of the window; default: now')
    .option('--version <number>', 'whose features they are; default: the newest that was logged')
    .addHelpText(
      'after',
      '\nExamples:\n  tidegate references create flights --from 7d\n  tidegate references create flights train.parquet',
    )
    .action(create);
}

function withUrl(command: Command): Command {
  return command.addOption(controlUrlOption()).option('--json', 'as JSON');
}

const pathOf = (model: string) => `/v1/models/${encodeURIComponent(model)}/references`;

async function list(model: string, { controlUrl, json }: Options): Promise<void> {
  const { items } = await ask(controlUrl, { path: pathOf(model), schema: ListSchema });
  console.log(json === true ? JSON.stringify(items, null, 2) : listText(model, items));
}

export function listText(model: string, items: readonly Entry[]): string {
  if (items.length === 0) return `${model} has no reference yet: tidegate references create ${model} --from 24h`;
  const rows = items.map((entry) => [
    String(entry.reference_id),
    originOf(entry),
    String(entry.rows),
    String(entry.features),
    entry.of_version === undefined ? '' : String(entry.of_version),
    entry.created_at,
  ]);
  return table(['REFERENCE', 'MADE FROM', 'ROWS', 'COLUMNS', 'VERSION', 'CREATED'], rows);
}

function originOf({ from, to }: Entry): string {
  return from === undefined || to === undefined ? 'a file' : `${from} to ${to}`;
}

async function show(model: string, id: string | undefined, { controlUrl, json }: Options): Promise<void> {
  const wanted = id ?? (await newest(model, controlUrl));
  const path = `${pathOf(model)}/${encodeURIComponent(wanted)}`;
  if (json === true) {
    console.log(JSON.stringify(await ask(controlUrl, { path, schema: z.unknown() }), null, 2));
    return;
  }
  const { features } = await ask(controlUrl, { path, schema: SpecSchema });
  console.log(`${model}: reference ${wanted}\n\n${specText(features)}`);
}

async function newest(model: string, controlUrl: string): Promise<string> {
  const { items } = await ask(controlUrl, { path: pathOf(model), schema: ListSchema });
  if (items.length === 0) throw new CommandError(EXIT.REFUSED, listText(model, items));
  return String(items[0].reference_id);
}

/** One line a feature. Counts are those of `contract/bin-spec.ts`: without a value, below or unseen, then the intervals or categories. */
export function specText(features: readonly Feature[]): string {
  const rows = features.map((bins) => {
    const [nulls = 0, ...values] = bins.reference;
    const all = bins.reference.reduce((sum, count) => sum + count, 0);
    return [
      bins.feature,
      bins.kind,
      String(bins.kind === 'numeric' ? Math.max(1, bins.edges.length - 1) : bins.categories.length),
      contentOf(bins),
      all === 0 ? '' : `${((100 * nulls) / all).toFixed(1)} %`,
      sparkbars(values.slice(1), WIDTH),
    ];
  });
  return table(['FEATURE', 'KIND', 'BINS', 'VALUES', 'EMPTY', 'SHAPE'], rows);
}

function contentOf(bins: Feature): string {
  if (bins.kind === 'categorical') {
    const more = bins.categories.length > SHOWN_CATEGORIES ? ', …' : '';
    return bins.categories.slice(0, SHOWN_CATEGORIES).join(', ') + more;
  }
  const { edges, reference } = bins;
  if (reference.slice(1).every((count) => count === 0)) return 'none';
  const [first, last] = [edges[0], edges[edges.length - 1]];
  return first === last ? `always ${number(first)}` : `${number(first)} to ${number(last)}`;
}

function number(value: number): string {
  return String(Number(value.toPrecision(6)));
}

async function create(model: string, file: string | undefined, options: CreateOptions): Promise<void> {
  const { json } = options;
  const made = file === undefined ? await frozen(model, options) : await sent(model, file, options);
  const { reference_id, rows, features } = made;
  const text = `reference ${reference_id} of ${model}: ${features} columns of ${rows} rows, ${originOf(made)}`;
  console.log(json === true ? JSON.stringify(made, null, 2) : text);
}

async function frozen(model: string, { controlUrl, from, to, version }: CreateOptions): Promise<Entry> {
  if (from === undefined) {
    throw new CommandError(EXIT.USAGE, 'give --from (and --to) for a window of the log, or a file for a training set');
  }
  const body = {
    window: { from, to: to ?? new Date().toISOString() },
    ...(version === undefined ? {} : { version: numberOf(version) }),
  };
  return ask(controlUrl, { path: pathOf(model), body, schema: EntrySchema });
}

function numberOf(version: string): number {
  if (!/^[1-9]\d*$/.test(version))
    throw new CommandError(EXIT.USAGE, `--version is '${version}': give a number like 3`);
  return Number(version);
}

async function sent(model: string, file: string, { controlUrl, from, to, version }: CreateOptions): Promise<Entry> {
  if (from !== undefined || to !== undefined) {
    throw new CommandError(
      EXIT.USAGE,
      'a reference is made of a file or of a window: leave out --from and --to, or the file',
    );
  }
  const { body, type } = await sentFile(file, ROW_TYPES);
  const query = version === undefined ? '' : `?version=${numberOf(version)}`;
  return send(controlUrl, {
    path: `${pathOf(model)}${query}`,
    body,
    headers: { 'content-type': type },
    schema: EntrySchema,
  });
}
