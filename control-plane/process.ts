import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { CLICKHOUSE_DEFAULTS, type ClickHouseClient, connect } from '../clickhouse/connection.js';
import { migrate } from '../clickhouse/migrate.js';
import { TidegateError } from '../contract/error.js';
import { createLog, type Log } from '../std/log.js';
import type { Config } from '../std/settings.js';
import { announceReady, whenOrphaned } from '../std/supervised.js';
import { createApp } from './app.js';
import { openEntry } from './entry.js';
import { Fleet } from './fleet/live/fleet.js';
import { Joiner } from './labels/join/joiner.js';
import { JoinLoop } from './labels/join/loop.js';
import { controlCertificate, createListener, listen } from './listener.js';
import { MonitorLoop } from './monitor/monitor-loop.js';
import { Monitors } from './monitor/monitors.js';
import { Outbox } from './notify/outbox.js';

const RETRY_MS = 1000;

/** Runs the control plane in this process until a signal ends it. */
export async function runControlPlane(config: Config, program: string): Promise<void> {
  const log = createLog({
    level: config.log_level,
    format: config.log_format,
    service: 'control-plane',
    node: config.node_name,
  });
  const client = connectStore(config);
  const certificate = controlCertificate(config);
  const entry = await openEntry(config, log);
  const stopped = new AbortController();
  const { clickhouse_database: database, clickhouse_cluster: cluster } = config;
  const joiner = new Joiner({ client, database, window_ms: config.label_window_ms });
  const joining = new JoinLoop(joiner, log);
  const labelsCame = () => joining.poke();
  const monitors = new Monitors(client, database, Date.now);
  const fleet = new Fleet(config, log, {
    heard: ({ kind, name }) => entry.events.publish(`fleet.${kind}`, Date.now(), { name }),
    opened: (bus) => entry.share(bus),
  });
  const tables = { made: false };
  const app = createApp({
    hasTables: () => tables.made,
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
    tables.made = true;
    const outbox = new Outbox(client, database, monitors.ledger, () => url, Date.now);
    const watching =
      config.monitors === '' ? [] : [new MonitorLoop(config.monitors, monitors, outbox, log).run(stopped.signal)];
    await Promise.all([joining.run(stopped.signal), ...watching]);
  });
  log.info({ url }, `listening on ${url}`);
  const stop = () => {
    stopped.abort();
    entry.stop();
    const ended = fleet.close();
    // What was asked before the end is still written to the audit log.
    server.close(() => void ended.then(() => entry.close()).finally(() => process.exit(0)));
    server.closeIdleConnections();
    setTimeout(() => process.exit(0), config.limits.drain_timeout_ms).unref();
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  whenOrphaned(stop);
  announceReady(url);
}

/** Throws INVALID_CONFIG where no ClickHouse is named. */
function connectStore(config: Config): ClickHouseClient {
  if (config.clickhouse_url === '') {
    throw new TidegateError(
      'INVALID_CONFIG',
      'the control plane reads the prediction log: name its ClickHouse with CLICKHOUSE_URL, or run tidegate up, which starts one',
    );
  }
  return connect({
    ...CLICKHOUSE_DEFAULTS,
    url: config.clickhouse_url,
    user: config.clickhouse_user,
    password: config.clickhouse_password,
    ca_file: config.clickhouse_ca_file,
    application: 'tidegate control-plane',
  });
}

function urlOf({ control_host, control_cert_file }: Config, port: number): string {
  const host = control_host.includes(':') ? `[${control_host}]` : control_host;
  return `${control_cert_file === '' ? 'http' : 'https'}://${host}:${port}`;
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
