import { readFileSync } from 'node:fs';
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { TidegateError } from '../contract/error.js';

export type { ClickHouseClient };

export interface ClickHouseOptions {
  /** `http://127.0.0.1:8123` or `https://host:8443`; user and password may be part of it. */
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** File of the certificate authority that the server's certificate is checked with; '': those of Node.js. */
  readonly ca_file: string;
  readonly request_timeout_ms: number;
  /** Connections that are kept at most; requests beyond it wait. */
  readonly max_connections: number;
  /** Name in ClickHouse's query log: `tidegate runtime`. */
  readonly application: string;
}

export const CLICKHOUSE_DEFAULTS: Omit<ClickHouseOptions, 'url' | 'application'> = {
  user: 'default',
  password: '',
  database: 'tidegate',
  ca_file: '',
  request_timeout_ms: 60_000,
  max_connections: 10,
};

/** A client of ClickHouse, or of the embedded store: the same to everybody who asks. Connects when the first query is sent. */
export function connect(options: ClickHouseOptions): ClickHouseClient {
  const { url, user, password, ca_file } = options;
  const parsed = parseUrl(url);
  return createClient({
    url: parsed.origin + parsed.pathname,
    username: decodeURIComponent(parsed.username) || user,
    password: decodeURIComponent(parsed.password) || password,
    // The database may not exist yet, and a connection that names it would be refused: every statement names its tables in full.
    application: options.application,
    request_timeout: options.request_timeout_ms,
    max_open_connections: options.max_connections,
    keep_alive: { enabled: true },
    // What fails is reported by whoever asked, with what it was for.
    log: { level: ClickHouseLogLevel.OFF },
    clickhouse_settings: { date_time_input_format: 'best_effort' },
    ...(ca_file === '' ? {} : { tls: { ca_cert: readCa(ca_file) } }),
  });
}

function parseUrl(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) {
    const message = `clickhouse_url is '${url}': give the address of ClickHouse's HTTP interface, like http://127.0.0.1:8123`;
    throw new TidegateError('INVALID_CONFIG', message);
  }
  return parsed;
}

function readCa(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TidegateError('INVALID_CONFIG', `clickhouse_ca_file is '${path}', which cannot be read: ${reason}`, {
      cause,
    });
  }
}
