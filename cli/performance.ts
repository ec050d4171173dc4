import type { Command } from 'commander';
import { z } from 'zod';
import { controlUrlOption } from './control-client.js';
import { ask } from './node-client.js';
import { trend } from './sparkbars.js';
import { table } from './table.js';

const MetricSchema = z.object({
  value: z.number().optional(),
  error: z.number().optional(),
  absence: z.string().optional(),
});
const MeasuresSchema = z.record(z.string(), MetricSchema);
const PartSchema = z.object({
  verdict: z.enum(['ok', 'noData']),
  reason: z.string().optional(),
  labels: z.object({ predicted: z.number(), joined: z.number(), late: z.number(), unusable: z.number() }),
  metrics: MeasuresSchema,
  estimated: MeasuresSchema,
});
const ReportSchema = PartSchema.extend({
  model: z.string(),
  from: z.string(),
  to: z.string(),
  task: z.string(),
  positive_class: z.string().optional(),
  threshold: z.number().optional(),
  min_samples: z.number(),
  calibrated_by: z.object({ origin: z.enum(['reference', 'before', 'none']), labels: z.number() }),
  series: z.array(PartSchema).default([]),
  groups: z.array(PartSchema.extend({ group: z.string() })).optional(),
});

type Report = z.infer<typeof ReportSchema>;
type Metric = z.infer<typeof MetricSchema>;

interface PerformanceOptions {
  readonly controlUrl: string;
  readonly from: string;
  readonly to?: string;
  readonly by?: string;
  readonly segment?: string;
  readonly version?: string;
  readonly threshold?: string;
  readonly json?: true;
}

const WIDTH = 24;
/** Windows that are longer are shown by day. */
const MOST_HOURS = 48;
const HOUR_MS = 3_600_000;
const GROUP_MEASURES = ['accuracy', 'auroc', 'f1', 'f1_macro', 'log_loss', 'brier', 'rmse', 'mae'];

/** `tidegate performance MODEL`: how right a model was, and how right it should be where labels are still to come. */
export function addPerformance(program: Command): void {
  program
    .command('performance')
    .argument('<model>', 'name of the model')
    .description('compare what a model answered with what became of it')
    .addOption(controlUrlOption())
    .option('--from <time>', 'begin of the window: a time, or a span before now like 24h', '24h')
    .option('--to <time>', 'end of the window; default: now')
    .option('--by <group>', 'version, variant, node, or segment:<name>')
    .option('--segment <name=value>', 'rows of this segment only')
    .option('--version <number>', 'of this version only')
    .option('--threshold <share>', 'scores from here on are positive predictions; default: 0.5')
    .option('--json', 'the whole report as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  tidegate performance flights\n  tidegate performance flights --from 7d --by segment:month',
    )
    .action(performance);
}

async function performance(model: string, { controlUrl, json, ...asked }: PerformanceOptions): Promise<void> {
  const bucket = /^\d+[hm]$/.test(asked.from) && spanHours(asked.from) <= MOST_HOURS ? 'hour' : 'day';
  const given = Object.entries({ bucket, ...asked }).filter(([, value]) => value !== undefined);
  const path = `/v1/models/${encodeURIComponent(model)}/performance?${new URLSearchParams(given)}`;
  if (json === true) {
    console.log(JSON.stringify(await ask(controlUrl, { path, schema: z.unknown() }), null, 2));
    return;
  }
  console.log(performanceText(await ask(controlUrl, { path, schema: ReportSchema })));
}

function spanHours(span: string): number {
  return (Number(span.slice(0, -1)) * (span.endsWith('h') ? HOUR_MS : HOUR_MS / 60)) / HOUR_MS;
}

/** A report for people: measured beside estimated, and how it went. */
export function performanceText(report: Report): string {
  const { model, from, to, task, positive_class, threshold, labels, series, groups } = report;
  const share = labels.predicted === 0 ? '' : ` (${((100 * labels.joined) / labels.predicted).toFixed(1)} %)`;
  const binary = positive_class === undefined ? '' : `: '${positive_class || 'true'}' from a score of ${threshold}`;
  const lines = [
    `${model}: ${labels.joined} of ${labels.predicted} predictions labelled${share}, ${from} to ${to}`,
    `${task}${binary}${asideOf(report)}`,
    '',
    table(['MEASURE', 'VALUE', 'ESTIMATED', 'TREND'], measureRows(report, series)),
  ];
  if (groups !== undefined) lines.push('', groupTable(groups));
  return lines.join('\n');
}

function asideOf({ verdict, reason, min_samples, labels, calibrated_by }: Report): string {
  const parts = [
    ...(verdict === 'ok' ? [] : [reason === 'noLabels' ? 'no labels yet' : `fewer than ${min_samples} labels`]),
    ...(labels.late > 0 ? [`${labels.late} labels too late`] : []),
    ...(labels.unusable > 0 ? [`${labels.unusable} labels unusable`] : []),
    calibrated_by.origin === 'none'
      ? 'estimates: scores as they are'
      : `estimates: calibrated by ${calibrated_by.labels} labels`,
  ];
  return `; ${parts.join('; ')}`;
}

function measureRows({ metrics, estimated }: Report, series: readonly z.infer<typeof PartSchema>[]): string[][] {
  const names = [...new Set([...Object.keys(metrics), ...Object.keys(estimated)])];
  return names.map((name) => [
    name,
    figure(metrics[name]),
    figure(estimated[name]),
    trend(
      series.map((part) => part.metrics[name]?.value),
      WIDTH,
    ),
  ]);
}

function groupTable(groups: NonNullable<Report['groups']>): string {
  const shown = GROUP_MEASURES.filter((name) => groups.some(({ metrics }) => metrics[name] !== undefined));
  const rows = groups.map(({ group, labels, metrics, verdict }) => [
    group,
    String(labels.joined),
    ...shown.map((name) => (verdict === 'ok' ? figure(metrics[name]) : 'no data')),
  ]);
  return table(['GROUP', 'LABELS', ...shown.map((name) => name.toUpperCase())], rows);
}

function figure(metric: Metric | undefined): string {
  if (metric?.value === undefined) return metric?.absence ?? '';
  const { value, error = 0 } = metric;
  return error < 5e-5 ? value.toFixed(4) : `${value.toFixed(4)} ±${error.toFixed(4)}`;
}
