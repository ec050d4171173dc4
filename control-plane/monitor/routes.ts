import { Hono } from 'hono';
import { z } from 'zod';
import type { ClickHouseClient } from '../../clickhouse/connection.js';
import { quoted } from '../../clickhouse/table.js';
import { actorOf } from '../access/role.js';
import { described } from '../api/described.js';
import { bodyObject, moment, parsed } from '../query.js';
import { isSilenced } from './alert-machine.js';
import { type LedgerEntry, momentText } from './monitor-ledger.js';
import type { Monitors } from './monitors.js';

const MOST_ENTRIES = 1000;
const DAY_MS = 86_400_000;
const DeliverySchema = z.array(
  z.object({
    route: z.string(),
    n: z.coerce.number(),
    attempt: z.number(),
    outcome: z.string(),
    at: z.string(),
    detail: z.string(),
  }),
);

export interface MonitorServices {
  readonly monitors: Monitors;
  readonly client: ClickHouseClient;
  readonly database: string;
  readonly now_ms: () => number;
}

/** `/v1/monitors` and `/v1/alerts`: docs/monitors.md. */
export function monitorRoutes(services: MonitorServices): Hono {
  const { monitors, now_ms } = services;
  const app = new Hono();
  app.get(
    '/monitors',
    described({ summary: 'List monitors, and where each stands', tag: 'Monitors' }),
    async (context) => {
      parsed(z.strictObject({}), context.req.query());
      const latest = new Map((await monitors.ledger.latest()).map((entry) => [entry.monitor, entry]));
      const items = monitors.monitors.map(({ metadata, spec }) => {
        const entry = latest.get(metadata.name);
        const standing = entry === undefined ? { status: 'new' } : standingOf(entry, now_ms());
        return {
          name: metadata.name,
          labels: metadata.labels,
          model: spec.model,
          severity: spec.severity,
          ...standing,
        };
      });
      return context.json({ items });
    },
  );
  const HistorySchema = z.strictObject({ limit: z.coerce.number().int().min(1).max(MOST_ENTRIES).default(100) });
  app.get(
    '/monitors/:name',
    described({ summary: 'Show a monitor and what it found', tag: 'Monitors', query: HistorySchema }),
    async (context) => {
      const { limit } = parsed(HistorySchema, context.req.query());
      const { metadata, spec } = monitors.find(context.req.param('name'));
      const entries = await monitors.ledger.entries(`monitor = ${quoted(metadata.name)}`, limit);
      const deliveries = await deliveriesOf(services, metadata.name);
      return context.json({
        name: metadata.name,
        labels: metadata.labels,
        spec,
        entries: entries.map(entryOf),
        deliveries,
      });
    },
  );
  addAlerts(app, services);
  addActs(app, services);
  return app;
}

function addAlerts(app: Hono, { monitors, now_ms }: MonitorServices): void {
  const AlertsSchema = z.strictObject({ from: moment(now_ms).optional() });
  app.get(
    '/alerts',
    described({ summary: 'List alerts that fire, and what fired', tag: 'Monitors', query: AlertsSchema }),
    async (context) => {
      const { from } = parsed(AlertsSchema, context.req.query());
      const since = momentText(from ?? now_ms() - 7 * DAY_MS);
      const latest = await monitors.ledger.latest();
      const history = await monitors.ledger.entries(
        `change != '' AND monitor_ledger.at >= ${quoted(since)}`,
        MOST_ENTRIES,
      );
      const firing = latest
        .filter(({ state }) => state.status === 'firing')
        .map((entry) => ({ ...entryOf(entry), ...standingOf(entry, now_ms()) }));
      return context.json({ firing, history: history.map(entryOf) });
    },
  );
}

/** What people do with an alert. */
function addActs(app: Hono, { monitors, now_ms }: MonitorServices): void {
  const ActorSchema = z.strictObject({ by: z.string().min(1).max(200) });
  app.post(
    '/monitors/:name/acknowledge',
    described({ summary: 'Say that somebody looks after an alert', tag: 'Monitors', body: ActorSchema }),
    async (context) => {
      const { by } = parsed(ActorSchema, bodyObject(await context.req.text()));
      await monitors.act(context.req.param('name'), { kind: 'acknowledged', by: actorOf(context.get('caller'), by) });
      return context.json({});
    },
  );
  const SilenceSchema = z.strictObject({ by: z.string().min(1).max(200), until: z.string() });
  app.post(
    '/monitors/:name/silence',
    described({ summary: 'Tell nobody of an alert for a while', tag: 'Monitors', body: SilenceSchema }),
    async (context) => {
      const { by, until } = parsed(SilenceSchema, bodyObject(await context.req.text()));
      const until_ms = untilOf(until, now_ms());
      await monitors.act(context.req.param('name'), {
        kind: 'silenced',
        until_ms,
        by: actorOf(context.get('caller'), by),
      });
      return context.json({ until: new Date(until_ms).toISOString() });
    },
  );
  app.post(
    '/monitors/:name/unsilence',
    described({ summary: 'End a silence', tag: 'Monitors', body: ActorSchema }),
    async (context) => {
      const { by } = parsed(ActorSchema, bodyObject(await context.req.text()));
      await monitors.act(context.req.param('name'), { kind: 'unsilenced', by: actorOf(context.get('caller'), by) });
      return context.json({});
    },
  );
}

/** Where a monitor stands after its last entry. */
function standingOf({ state, verdict, value, at_ms, evidence }: LedgerEntry, now_ms: number): object {
  const { status, since_ms, acknowledged_by, silenced_until_ms } = state;
  return {
    status,
    since: new Date(since_ms).toISOString(),
    verdict,
    value,
    looked_at: new Date(at_ms).toISOString(),
    ...(acknowledged_by === null ? {} : { acknowledged_by }),
    ...(isSilenced(state, now_ms) ? { silenced_until: new Date(silenced_until_ms ?? 0).toISOString() } : {}),
    evidence: JSON.parse(evidence),
  };
}

function entryOf({
  monitor,
  n,
  kind,
  at_ms,
  slot_ms,
  verdict,
  value,
  samples,
  change,
  alert,
  model,
  severity,
  actor,
  is_muted,
  evidence,
}: LedgerEntry): object {
  return {
    monitor,
    n,
    kind,
    at: new Date(at_ms).toISOString(),
    model,
    severity,
    ...(kind === 'evaluated'
      ? { window_end: new Date(slot_ms).toISOString(), verdict, value, samples, evidence: JSON.parse(evidence) }
      : { by: actor }),
    ...(change === '' ? {} : { change, alert, is_muted }),
  };
}

async function deliveriesOf({ client, database }: MonitorServices, monitor: string): Promise<unknown> {
  const answer = await client.query({
    query: `SELECT route, n, attempt, outcome, formatDateTime(at, '%FT%TZ') AS at, detail FROM ${database}.alert_deliveries
      WHERE monitor = ${quoted(monitor)} AND outcome != 'started' ORDER BY alert_deliveries.at DESC LIMIT 100`,
    format: 'JSONEachRow',
  });
  return DeliverySchema.parse(await answer.json());
}

/** `2h` from now, or a time. */
function untilOf(text: string, now_ms: number): number {
  const back = parsed(z.strictObject({ until: moment(() => 0) }), { until: text }).until;
  return back < 0 ? now_ms - back : back;
}
