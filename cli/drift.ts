import type { Command } from 'commander';
import { z } from 'zod';
import { controlUrlOption } from './control-client.js';
import { AttributionsSchema, blameText } from './drift-blame.js';
import { TogetherSchema, togetherText } from './drift-together.js';
import { ask } from './node-client.js';
import { sparkbars, trend } from './sparkbars.js';
import { table } from './table.js';

const MeasurementSchema = z.object({
  value: z.number().optional(),
  p: z.number().optional(),
  absence: z.string().optional(),
});
const FeatureSchema = z.object({
  feature: z.string(),
  verdict: z.enum(['ok', 'drift', 'noData']),
  reason: z.string().optional(),
  measure: z.string(),
  threshold: z.object({ by: z.enum(['value', 'p']), limit: z.number() }),
  samples: z.object({ reference: z.number(), current: z.number() }),
  shares: z.object({ reference: z.array(z.number()), current: z.array(z.number()) }),
  measures: z.record(z.string(), MeasurementSchema),
});
const ReportSchema = z.object({
  model: z.string(),
  reference_id: z.number(),
  from: z.string(),
  to: z.string(),
  against: z.object({ from: z.string(), to: z.string() }).optional(),
  verdict: z.object({ verdict: z.string(), drifted: z.number(), judged: z.number() }),
  features: z.array(FeatureSchema),
  multivariate: TogetherSchema.optional(),
  series: z.object({ bucket: z.string(), values: z.record(z.string(), z.array(z.number().nullable())) }).optional(),
});

type Report = z.infer<typeof ReportSchema>;

interface DriftOptions {
  readonly controlUrl: string;
  readonly from?: string;
  readonly to?: string;
  readonly reference?: string;
  readonly segment?: string;
  readonly multivariate?: string;
  readonly json?: true;
}

const WIDTH = 16;
const TREND = 24;
const WHY_NOT = new Map([
  ['fewSamples', ' (few rows)'],
  ['allNull', ' (always empty)'],
]);
const HOUR_MS = 3_600_000;
const UNIT_HOURS = new Map([
  ['s', 1 / 3600],
  ['m', 1 / 60],
  ['h', 1],
  ['d', 24],
]);
/** Windows that are longer are shown by day. */
const MOST_HOURS = 72;
/** Of longer ones the control plane has no series. */
const MOST_DAYS = 190;

/** `tidegate drift MODEL`: what moved since the reference, most drifted first. */
export function addDrift(program: Command): void {
  program
    .command('drift')
    .argument('<model>', 'name of the model')
    .description('compare what a model was asked lately with its reference')
    .addOption(controlUrlOption())
    .option(
      '--from <time>',
      'begin of the window: a time, or a span before now like 24h; default: the last day, since the reference',
    )
    .option('--to <time>', 'end of the window; default: now')
    .option('--reference <id>', 'what to compare with: an id, previous, or same-hour-last-week; default: the newest')
    .option('--segment <name=value>', 'rows of this segment only')
    .option(
      '--multivariate <methods>',
      'pca, classifier or pca,classifier: compare a sample of rows, and all features together',
    )
    .option('--json', 'the whole report as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  tidegate drift flights\n  tidegate drift flights --from 1h --segment month=2001-06\n  tidegate drift flights --multivariate classifier',
    )
    .action(drift);
}

async function drift(model: string, { controlUrl, json, ...window }: DriftOptions): Promise<void> {
  const how = window.multivariate === undefined ? { bucket: bucketOf(window) } : { mode: 'exact' };
  const given = Object.entries({ ...how, ...window }).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, value]],
  );
  const path = `/v1/models/${encodeURIComponent(model)}/drift`;
  const query = new URLSearchParams(given);
  if (json === true) {
    console.log(JSON.stringify(await ask(controlUrl, { path: `${path}?${query}`, schema: z.unknown() }), null, 2));
    return;
  }
  const report = await ask(controlUrl, { path: `${path}?${query}`, schema: ReportSchema });
  console.log(driftText(report));
  if (report.multivariate !== undefined) console.log(`\n${togetherText(report.multivariate)}`);
  const [worst] = report.features.filter(({ verdict }) => verdict === 'drift');
  // Groups are compared with the frozen reference only, and of one segment there is nothing to divide.
  if (worst === undefined || report.against !== undefined || window.segment !== undefined) return;
  const { from, to, reference_id } = report;
  const asked = { feature: worst.feature, by: 'every', from, to, reference: String(reference_id) };
  const { items } = await ask(controlUrl, {
    path: `${path}/attribution?${new URLSearchParams(asked)}`,
    schema: AttributionsSchema,
  });
  console.log(`\n${blameText(worst.feature, items)}`);
}

/** By hour while that fits into a line; undefined: not at all. Without a begin the window is a day at most. */
export function bucketOf({ from, to }: { readonly from?: string; readonly to?: string }): 'hour' | 'day' | undefined {
  if (from === undefined) return 'hour';
  const hours = (agoHours(from) ?? 0) - (to === undefined ? 0 : (agoHours(to) ?? 0));
  if (hours > 24 * MOST_DAYS) return undefined;
  return hours <= MOST_HOURS ? 'hour' : 'day';
}

/** How long ago a time is: `24h`, `90m`, `7d`, or a time of the calendar. undefined: the control plane will say what is wrong with it. */
function agoHours(time: string): number | undefined {
  const [, count, unit] = /^(\d+)([smhd])$/.exec(time) ?? [];
  if (count !== undefined) return Number(count) * (UNIT_HOURS.get(unit) ?? 0);
  const at_ms = Date.parse(time);
  return Number.isNaN(at_ms) ? undefined : (Date.now() - at_ms) / HOUR_MS;
}

/** A report for people: one line a feature, with the shape of both sides. */
export function driftText({ model, reference_id, from, to, against, verdict, features, series }: Report): string {
  const rows = features.map((each) => [
    each.feature,
    each.verdict === 'noData' ? `no data${WHY_NOT.get(each.reason ?? '') ?? ''}` : each.verdict,
    each.measure,
    figure(each.measures[each.measure], each.threshold.by),
    figure(each.measures['psi'], 'value'),
    sparkbars(each.shares.reference, WIDTH),
    sparkbars(each.shares.current, WIDTH),
    String(each.samples.current),
    ...(series === undefined ? [] : [trend(knownOf(series.values[each.feature]), TREND)]),
  ]);
  const head = [
    'FEATURE',
    'VERDICT',
    'MEASURE',
    'VALUE',
    'PSI',
    'REFERENCE',
    'NOW',
    'ROWS',
    ...(series === undefined ? [] : [`BY ${series.bucket.toUpperCase()}`]),
  ];
  const reference = against === undefined ? `reference ${reference_id}` : `against ${against.from} to ${against.to}`;
  const title = `${model}: ${verdict.drifted} of ${verdict.judged} columns drifted (${from} to ${to}, ${reference})`;
  return [title, '', table(head, rows)].join('\n');
}

function knownOf(values: readonly (number | null)[] = []): (number | undefined)[] {
  return values.map((value) => value ?? undefined);
}

function figure(measurement: z.infer<typeof MeasurementSchema> | undefined, by: 'value' | 'p'): string {
  if (measurement?.value === undefined) return measurement?.absence ?? '';
  const { value, p } = measurement;
  return by === 'p' && p !== undefined ? `p ${p.toPrecision(2)}` : value.toFixed(3);
}
