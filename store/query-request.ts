import type { IncomingHttpHeaders } from 'node:http';

/** A request of ClickHouse's HTTP interface: what its address and headers say. */
export interface QueryRequest {
  /** Statement in the address; the body follows it. */
  readonly query: string;
  /** Asked by GET or HEAD. */
  readonly isReadOnly: boolean;
  readonly query_id: string;
  readonly database: string;
  readonly format: string;
  readonly session: SessionRequest | undefined;
  /** `SET` of these comes before the statement: settings, and `param_*`. */
  readonly settings: ReadonlyMap<string, string>;
  /** How the body is compressed, in the engine's words; '': not at all. */
  readonly body_compression: string;
  readonly user: string;
  readonly password: string;
}

export interface SessionRequest {
  readonly id: string;
  readonly timeout_s: number;
  /** The session must exist already. */
  readonly check: boolean;
}

/** What belongs to the interface; every other member of the query string is a setting. */
const OWN = new Set([
  'query',
  'query_id',
  'database',
  'default_format',
  'session_id',
  'session_timeout',
  'session_check',
  'close_session',
  'user',
  'password',
  'quota_key',
  'compress',
  'decompress',
  'stacktrace',
  'buffer_size',
  'wait_end_of_query',
  'role',
  'client_protocol_version',
  'http_native_compression_disable_checksumming_on_decompress',
]);
/** Settings of the interface itself, which the engine knows and would not act upon. */
const WITHOUT_EFFECT = new Set([
  'enable_http_compression',
  'http_zlib_compression_level',
  'send_progress_in_http_headers',
  'http_headers_progress_interval_ms',
  'cancel_http_readonly_queries_on_client_close',
  'add_http_cors_header',
]);

const COMPRESSIONS: Readonly<Record<string, string>> = {
  gzip: 'gzip',
  'x-gzip': 'gzip',
  deflate: 'deflate',
  br: 'br',
  zstd: 'zstd',
  lz4: 'lz4',
  xz: 'xz',
  bz2: 'bz2',
  snappy: 'snappy',
};
const DEFAULT_SESSION_TIMEOUT_S = 60;

export function queryRequest(
  method: string,
  url: URL,
  headers: IncomingHttpHeaders,
  nextId: () => string,
): QueryRequest {
  const given = url.searchParams;
  const settings = new Map<string, string>();
  for (const [name, value] of given) if (!OWN.has(name) && !WITHOUT_EFFECT.has(name)) settings.set(name, value);
  const basic = basicAuthorization(headers.authorization);
  const session_id = given.get('session_id') ?? '';
  return {
    query: given.get('query') ?? '',
    isReadOnly: method === 'GET' || method === 'HEAD',
    query_id: given.get('query_id') || nextId(),
    database: given.get('database') ?? header(headers, 'x-clickhouse-database'),
    format: header(headers, 'x-clickhouse-format') || (given.get('default_format') ?? ''),
    session:
      session_id === ''
        ? undefined
        : {
            id: session_id,
            timeout_s: Number(given.get('session_timeout') ?? DEFAULT_SESSION_TIMEOUT_S) || DEFAULT_SESSION_TIMEOUT_S,
            check: given.get('session_check') === '1',
          },
    settings,
    body_compression:
      COMPRESSIONS[header(headers, 'content-encoding').toLowerCase()] ?? header(headers, 'content-encoding'),
    user: header(headers, 'x-clickhouse-user') || (given.get('user') ?? basic.user),
    password: header(headers, 'x-clickhouse-key') || (given.get('password') ?? basic.password),
  };
}

export function isKnownCompression(name: string): boolean {
  return name === '' || Object.values(COMPRESSIONS).includes(name);
}

function header(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name];
  return typeof value === 'string' ? value : '';
}

function basicAuthorization(text: string | undefined): { readonly user: string; readonly password: string } {
  const [, encoded] = /^Basic\s+(\S+)$/i.exec(text ?? '') ?? [];
  if (encoded === undefined) return { user: 'default', password: '' };
  const [user, ...rest] = Buffer.from(encoded, 'base64').toString('utf8').split(':');
  return { user, password: rest.join(':') };
}
