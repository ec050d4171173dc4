import { Hono } from 'hono';
import type { ClickHouseClient } from '../clickhouse/connection.js';
import { TidegateError } from '../contract/error.js';
import type { Log } from '../std/log.js';
import { type Access, guard } from './access/guard.js';
import { LOCAL_CALLER } from './access/role.js';
import { tokenRoutes } from './access/routes.js';
import { described } from './api/described.js';
import type { EventHub } from './api/event-hub.js';
import { eventRoutes } from './api/event-routes.js';
import { idempotent } from './api/idempotency.js';
import type { IdempotencyStore } from './api/idempotency-store.js';
import { openApiRoutes } from './api/openapi-routes.js';
import { operationRoutes } from './api/operation-routes.js';
import type { Operations } from './api/operations.js';
import { requireSeen } from './api/precondition.js';
import type { AuditStore } from './audit/audit-store.js';
import { type Change, recordChanges, recordRefusals } from './audit/recorder.js';
import { auditRoutes } from './audit/routes.js';
import { comparisonRoutes } from './comparison/routes.js';
import { changeRoutes } from './drift/change-routes.js';
import { driftRoutes } from './drift/routes.js';
import type { Fleet } from './fleet/live/fleet.js';
import { fleetRoutes } from './fleet/routes.js';
import { labelRoutes } from './labels/routes.js';
import { Monitors } from './monitor/monitors.js';
import { monitorRoutes } from './monitor/routes.js';
import { performanceRoutes } from './performance/routes.js';
import { predictionRoutes } from './predictions/routes.js';
import { answerProblem, shownError } from './problem.js';
import { referenceRoutes } from './reference/routes.js';
import { registeredVersions } from './registry/registered-versions.js';
import { registryRoutes } from './registry/routes.js';

/** What the routes work with. */
export interface Services {
  readonly client: ClickHouseClient;
  readonly database: string;
  readonly log: Log;
  /** Of this program, as the description of the API tells it. */
  readonly version?: string;
  readonly now_ms: () => number;
  /** What is watched; undefined: nothing is. */
  readonly monitors?: Monitors;
  /** Registry and nodes; undefined: this control plane has no NATS. */
  readonly fleet?: Fleet;
  /** Who may, and what is written of it; undefined: whoever calls the app may do everything, as in a benchmark. */
  readonly entry?: Entry;
  /** Whether the tables have been made by now; absent: somebody else made them. */
  readonly hasTables?: () => boolean;
  /** Told of labels that were stored. */
  readonly labelsCame?: () => void;
}

/** What stands between a listener and the routes. */
export interface Entry {
  readonly access: Access;
  readonly audit: AuditStore;
  readonly cursorKey: Buffer;
  readonly idempotency: IdempotencyStore;
  readonly events: EventHub;
  readonly operations: Operations;
}

/** The control plane's API: groups of routes under /v1, problems (RFC 9457) for everything that fails. */
export function createApp(services: Services): Hono {
  const app = new Hono();
  app.onError((thrown, context) => {
    const shown = shownError(thrown);
    if (shown.status >= 500) {
      services.log.error({ error: thrown, path: context.req.path }, 'a request failed');
    }
    return answerProblem(context, shown);
  });
  app.notFound((context) =>
    answerProblem(context, new TidegateError('NOT_FOUND', `there is no ${context.req.method} ${context.req.path}`)),
  );
  if (services.entry !== undefined) mountEntry(app, services.entry, services.log);
  app.use(requireSeen);
  mountHealth(app, services);
  app.route('/', openApiRoutes(app, services.version ?? '0.0.0'));
  const { client, database, now_ms, monitors = new Monitors(client, database, now_ms) } = services;
  app.route('/v1', monitorRoutes({ client, database, now_ms, monitors }));
  const { fleet } = services;
  if (fleet !== undefined) mountFleet(app, fleet, services);
  app.route('/v1/labels', labelRoutes(services));
  app.route('/v1/models', referenceRoutes(services));
  app.route('/v1/models', driftRoutes(services));
  app.route('/v1/models', changeRoutes(services));
  app.route('/v1/models', performanceRoutes(services));
  app.route('/v1/models', comparisonRoutes(services));
  app.route('/v1/models', predictionRoutes(services));
  return app;
}

/** Before all routes: who asks, whether they may, and what was asked. */
function mountEntry(app: Hono, { access, audit, cursorKey, idempotency, events, operations }: Entry, log: Log): void {
  const onUnwritten = (error: unknown) => log.error({ error }, 'the audit log could not be written');
  const onChange = (change: Change) => events.publish(`changed.${partOf(change.path)}`, access.now_ms(), { ...change });
  const recording = { audit, addressOf: access.addressOf, onChange, onUnwritten };
  app.use(recordRefusals(recording));
  app.use(guard(access));
  app.use(recordChanges(recording));
  app.use(idempotent(idempotency, access.now_ms));
  app.route('/v1/tokens', tokenRoutes({ tokens: access.tokens, now_ms: access.now_ms }));
  app.route('/v1/events', eventRoutes({ events }));
  app.route('/v1/operations', operationRoutes({ operations, cursorKey }));
  app.route('/v1/audit', auditRoutes({ audit, cursorKey, now_ms: access.now_ms }));
}

/** `models` of `/v1/models/flights`. */
function partOf(path: string): string {
  return path.split('/')[2] ?? '';
}

function mountHealth(app: Hono, { client, hasTables = () => true }: Services): void {
  const live = described({ summary: 'Say that the process is there', tag: 'Health', role: 'anyone' });
  app.get('/v1/health/live', live, (context) => context.json({ live: true }));
  const ready = described({
    summary: 'Say whether ClickHouse answers, and has its tables',
    tag: 'Health',
    role: 'anyone',
  });
  app.get('/v1/health/ready', ready, async (context) => {
    const { success } = await client.ping();
    // Without its tables every question would be told to come again later.
    const ready = success && hasTables();
    return context.json({ ready }, ready ? 200 : 503);
  });
}

function registeredFor({ registry, environments, bus }: Fleet['open']) {
  return registeredVersions(registry, environments, bus.environment);
}

function mountFleet(app: Hono, fleet: Fleet, { now_ms }: Services): void {
  app.route(
    '/v1',
    fleetRoutes(() => ({ ...fleet.open, registered: registeredFor(fleet.open), now_ms })),
  );
  app.route(
    '/v1',
    registryRoutes(() => ({
      ...fleet.open,
      now_ms,
      author: (context) => (context.get('caller') ?? LOCAL_CALLER).name,
    })),
  );
}
