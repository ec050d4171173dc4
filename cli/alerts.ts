import { type Command, Option } from 'commander';
import { z } from 'zod';
import { controlUrlOption } from './control-client.js';
import { ask } from './node-client.js';
import { table } from './table.js';

const MonitorsSchema = z.object({
  items: z.array(
    z.object({
      name: z.string(),
      model: z.string(),
      severity: z.string(),
      status: z.string(),
      since: z.string().optional(),
      verdict: z.string().optional(),
      value: z.number().nullable().optional(),
      acknowledged_by: z.string().optional(),
      silenced_until: z.string().optional(),
      evidence: z.unknown(),
    }),
  ),
});
const HistorySchema = z.object({
  history: z.array(
    z.object({
      monitor: z.string(),
      at: z.string(),
      change: z.string(),
      severity: z.string(),
      value: z.number().nullable().optional(),
    }),
  ),
});
const DoneSchema = z.object({ until: z.string().optional() });
const MessageSchema = z.object({ message: z.string() });

interface Asked {
  readonly controlUrl: string;
  readonly by: string;
  readonly until: string;
  readonly json?: true;
}

/** `tidegate alerts list|history|acknowledge|silence|unsilence`: what monitors say, and what is done about it. */
export function addAlerts(program: Command): void {
  const alerts = program.command('alerts').description('what monitors say');
  withUrl(alerts.command('list', { isDefault: true }))
    .description('every monitor, and where it stands')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  tidegate alerts list')
    .action(list);
  withUrl(alerts.command('history'))
    .description('what fired and was resolved in the last seven days')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  tidegate alerts history')
    .action(history);
  act(alerts, 'acknowledge', 'take over what fires').action((name: string, { controlUrl, by }: Asked) =>
    post(controlUrl, name, 'acknowledge', { by }),
  );
  act(alerts, 'silence', 'tell nobody for a while')
    .option('--until <time>', 'a time, or a span from now like 2h', '2h')
    .action((name: string, { controlUrl, by, until }: Asked) => post(controlUrl, name, 'silence', { by, until }));
  act(alerts, 'unsilence', 'tell again').action((name: string, { controlUrl, by }: Asked) =>
    post(controlUrl, name, 'unsilence', { by }),
  );
}

function act(alerts: Command, verb: string, description: string): Command {
  return withUrl(alerts.command(verb).argument('<monitor>', 'name of the monitor'))
    .description(description)
    .addOption(new Option('--by <name>', 'who does it').default(process.env['USER'] ?? 'somebody'))
    .addHelpText('after', `\nExample:\n  tidegate alerts ${verb} flights-drift`);
}

function withUrl(command: Command): Command {
  return command.addOption(controlUrlOption());
}

async function list({ controlUrl, json }: Asked): Promise<void> {
  const { items } = await ask(controlUrl, { path: '/v1/monitors', schema: MonitorsSchema });
  if (json === true) return console.log(JSON.stringify(items, null, 2));
  if (items.length === 0)
    return console.log('Nothing is watched: give the control plane a folder of monitors with --monitors.');
  const rows = items.map((item) => [
    item.name,
    item.model,
    item.severity,
    statusText(item),
    item.since ?? '',
    item.value === null || item.value === undefined ? (item.verdict ?? '') : String(Number(item.value.toPrecision(4))),
    noteOf(item),
  ]);
  console.log(table(['MONITOR', 'MODEL', 'SEVERITY', 'STATUS', 'SINCE', 'VALUE', ''], rows));
}

function statusText({ status, verdict }: z.infer<typeof MonitorsSchema>['items'][number]): string {
  if (verdict === 'error') return `${status} (cannot be evaluated)`;
  return verdict === 'noData' ? `${status} (no data)` : status;
}

function noteOf({
  acknowledged_by,
  silenced_until,
  verdict,
  evidence,
}: z.infer<typeof MonitorsSchema>['items'][number]): string {
  if (verdict === 'error') return MessageSchema.safeParse(evidence).data?.message ?? '';
  if (silenced_until !== undefined) return `silenced until ${silenced_until}`;
  return acknowledged_by === undefined ? '' : `acknowledged by ${acknowledged_by}`;
}

async function history({ controlUrl, json }: Asked): Promise<void> {
  const { history: entries } = await ask(controlUrl, { path: '/v1/alerts', schema: HistorySchema });
  if (json === true) return console.log(JSON.stringify(entries, null, 2));
  const rows = entries.map(({ at, monitor, change, severity, value }) => [
    at,
    monitor,
    change,
    severity,
    value === null || value === undefined ? '' : String(Number(value.toPrecision(4))),
  ]);
  console.log(table(['AT', 'MONITOR', 'CHANGE', 'SEVERITY', 'VALUE'], rows));
}

async function post(controlUrl: string, name: string, verb: string, body: object): Promise<void> {
  const path = `/v1/monitors/${encodeURIComponent(name)}/${verb}`;
  const { until } = await ask(controlUrl, { path, body, schema: DoneSchema });
  console.log(until === undefined ? `${name}: done` : `${name}: silenced until ${until}`);
}
