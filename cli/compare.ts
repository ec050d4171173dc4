import type { Command } from 'commander';
import { z } from 'zod';
import { controlUrlOption } from './control-client.js';
import { ask } from './node-client.js';

const ReportSchema = z.object({
  model: z.string(),
  champion: z.number(),
  challenger: z.number(),
  metric: z.string(),
  pairs: z.object({ rows: z.number(), of: z.number() }),
  result: z
    .object({
      first: z.number(),
      second: z.number(),
      p: z.number(),
      gain: z.object({ low: z.number(), value: z.number(), high: z.number() }),
    })
    .optional(),
  disagreement: z.object({ only_champion: z.number(), only_challenger: z.number(), p: z.number() }).optional(),
  verdict: z.enum(['pass', 'fail', 'inconclusive']),
  reason: z.string().optional(),
});

interface CompareOptions {
  readonly controlUrl: string;
  readonly from: string;
  readonly to?: string;
  readonly metric?: string;
  readonly margin?: string;
  readonly segment?: string;
  readonly json?: true;
}

/** `tidegate compare MODEL CHAMPION CHALLENGER`: two versions on the requests that both have answered. */
export function addCompare(program: Command): void {
  program
    .command('compare')
    .argument('<model>', 'name of the model')
    .argument('<champion>', 'version that answers now')
    .argument('<challenger>', 'version that shall be no worse')
    .description('compare two versions on the labelled requests that both have answered')
    .addOption(controlUrlOption())
    .option('--from <time>', 'begin of the window: a time, or a span before now like 24h', '7d')
    .option('--to <time>', 'end of the window; default: now')
    .option('--metric <name>', 'auroc, accuracy, brier, log_loss; mae or mse of numbers')
    .option('--margin <value>', 'how much worse is still no worse; default: 0')
    .option('--segment <name=value>', 'rows of this segment only')
    .option('--json', 'the whole report as JSON')
    .addHelpText('after', '\nExample:\n  tidegate compare flights 1 2 --metric auroc --margin 0.01')
    .action(compare);
}

async function compare(
  model: string,
  champion: string,
  challenger: string,
  { controlUrl, json, ...asked }: CompareOptions,
): Promise<void> {
  const given = Object.entries({ champion, challenger, ...asked }).filter(([, value]) => value !== undefined);
  const path = `/v1/models/${encodeURIComponent(model)}/comparison?${new URLSearchParams(Object.fromEntries(given))}`;
  if (json === true) {
    console.log(JSON.stringify(await ask(controlUrl, { path, schema: z.unknown() }), null, 2));
    return;
  }
  console.log(comparisonText(await ask(controlUrl, { path, schema: ReportSchema })));
}

export function comparisonText(report: z.infer<typeof ReportSchema>): string {
  const { model, champion, challenger, metric, pairs, result, disagreement, verdict, reason } = report;
  const sampled = pairs.rows < pairs.of ? ` (of ${pairs.of})` : '';
  const lines = [
    `${model}: version ${challenger} against ${champion} on ${pairs.rows} requests${sampled}: ${verdict}${reason === undefined ? '' : `, ${reason}`}`,
  ];
  if (result !== undefined) {
    const { first, second, gain, p } = result;
    lines.push(
      `${metric}: ${first.toFixed(4)} → ${second.toFixed(4)}; better by ${signed(gain.value)}, surely between ${signed(gain.low)} and ${signed(gain.high)} (p ${p.toPrecision(2)})`,
    );
  }
  if (disagreement !== undefined) {
    const { only_champion, only_challenger, p } = disagreement;
    lines.push(
      `right alone: version ${champion} ${only_champion} times, version ${challenger} ${only_challenger} times (p ${p.toPrecision(2)})`,
    );
  }
  return lines.join('\n');
}

function signed(value: number): string {
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(4)}`;
}
