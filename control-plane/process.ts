import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { getRequestListener } from '@hono/node-server';
import { getConnInfo } from '@hono/node-server/conninfo';
import type { Context } from 'hono';
import { CLICKHOUSE_DEFAULTS, type ClickHouseClient, connect } from '../clickhouse/connection.js';
import { migrate } from '../clickhouse/migrate.js';
import { TidegateError } from '../contract/error.js';
import { createLog, type Log } from '../std/log.js';
import type { Config } from '../std/settings.js';
import { announceReady, whenOrphaned } from '../std/supervised.js';
import { FailureLimit } from './access/failure-limit.js';
import { isLoopback } from './access/own-page.js';
import { EventHub } from './api/event-hub.js';
import { Operations } from './api/operations.js';
import { createApp, type Entry } from './app.js';
import { Fleet } from './fleet/live/fleet.js';
import { Joiner } from './labels/join/joiner.js';
import { JoinLoop } from './labels/join/loop.js';
import { certificateOf, createListener, isOpenListener, listen } from './listener.js';
import { MonitorLoop } from './monitor/monitor-loop.js';
import { Monitors } from './monitor/monitors.js';
import { Outbox } from './notify/outbox.js';
import { openStateFolder, type StateFolder } from './state-folder.js';

const RETRY_MS = 1000;

/** Runs the control plane in this process until a signal ends it. */
export async function runControlPlane(config: Config, program: string): Promise<void> {
  const log = createLog({
    level: config.log_level,
    format: config.log_format,
    service: 'control-plane',
    node: config.node_name,
  });
  if (config.clickhouse_url === '') {
    throw new TidegateError(
      'INVALID_CONFIG',
      'the control plane reads the prediction log: name its ClickHouse with CLICKHOUSE_URL, or run tidegate up, which starts one',
    );
  }
  const client = connect({
    ...CLICKHOUSE_DEFAULTS,
    url: config.clickhouse_url,
    user: config.clickhouse_user,
    password: config.clickhouse_password,
    ca_file: config.clickhouse_ca_file,
    application: 'tidegate control-plane',
  });
  const certificate = certificateOf(config);
  const state = openStateFolder(config.data_dir, Date.now);
  const entry = await entryOf(config, state, log);
  const stopped = new AbortController();
  const { clickhouse_database: database, clickhouse_cluster: cluster } = config;
  const joiner = new Joiner({ client, database, window_ms: config.label_window_ms });
  const joining = new JoinLoop(joiner, log);
  const labelsCame = () => joining.poke();
  const monitors = new Monitors(client, database, Date.now);
  const { events } = entry;
  const fleet = new Fleet(config, log, ({ kind, name }) => events.publish(`fleet.${kind}`, Date.now(), { name }));
  const app = createApp({
    entry,
    version: program,
    fleet,
    client,
    database,
    log,
    now_ms: Date.now,
    labelsCame,
    monitors,
  });
  const server = createListener(certificate, getRequestListener(app.fetch));
  await listen(server, config);
  const { port } = server.address() as AddressInfo;
  const url = urlOf(config, port);
  void keepMigrating(client, { database, cluster, program }, log, stopped.signal).then(async () => {
    const outbox = new Outbox(client, database, monitors.ledger, () => url, Date.now);
    const watching =
      config.monitors === '' ? [] : [new MonitorLoop(config.monitors, monitors, outbox, log).run(stopped.signal)];
    await Promise.all([joining.run(stopped.signal), ...watching]);
  });
  log.info({ url }, `listening on ${url}`);
  const stop = () => {
    stopped.abort();
    events.close();
    const ended = Promise.all([fleet.close(), entry.operations.close()]);
    // What was asked before the end is still written to the audit log.
    server.close(() => void ended.then(() => state.close()).finally(() => process.exit(0)));
    server.closeIdleConnections();
    setTimeout(() => process.exit(0), config.limits.drain_timeout_ms).unref();
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  whenOrphaned(stop);
  announceReady(url);
}

function urlOf({ control_host, control_cert_file }: Config, port: number): string {
  const host = control_host.includes(':') ? `[${control_host}]` : control_host;
  return `${control_cert_file === '' ? 'http' : 'https'}://${host}:${port}`;
}

/** Who may, and the folder that knows it. */
async function entryOf(config: Config, state: StateFolder, log: Log): Promise<Entry> {
  const isOpen = await isOpenListener(config, state.tokens, Date.now());
  const { control_host, control_cert_file } = config;
  if (isOpen) log.warn({ host: control_host }, 'no token is asked for: whoever is on this machine may do everything');
  else if (control_cert_file === '' && !isLoopback(control_host)) {
    log.warn({ host: control_host }, 'tokens travel unencrypted: name a certificate, or let a proxy speak TLS');
  }
  const access = {
    tokens: state.tokens,
    limit: new FailureLimit(),
    environment: config.environment,
    isOpen,
    now_ms: Date.now,
    addressOf: (context: Context) => getConnInfo(context).remote.address ?? 'unknown',
    onUnnoted: (error: unknown) => log.warn({ error }, 'the use of a token could not be noted'),
  };
  const events = new EventHub();
  const operations = new Operations(
    join(state.directory, 'operations.jsonl'),
    Date.now,
    ({ result: _result, ...shown }) => events.publish(`operation.${shown.state}`, Date.now(), shown),
  );
  return { access, audit: state.audit, cursorKey: state.key, idempotency: state.idempotency, events, operations };
}

/** A ClickHouse that is not there yet is waited for; what is wrong with its schema is said once, and asked again. */
async function keepMigrating(
  client: ClickHouseClient,
  target: { readonly database: string; readonly cluster: string; readonly program: string },
  log: Log,
  stopped: AbortSignal,
): Promise<void> {
  let said = '';
  while (!stopped.aborted) {
    try {
      await migrate(client, target);
      return;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (why !== said) log.warn({ error }, 'the tables of the prediction log could not be made: trying again');
      said = why;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}
