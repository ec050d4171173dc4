/** Request line and headers of one HTTP/1 request. */
export interface RequestHead {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly http10: boolean;
  /** All header lines with names and values in lower case, each with a line break before it. */
  readonly lower: string;
  /** The same as they were sent. */
  readonly lines: string;
  /** -1: chunked. */
  readonly body_bytes: number;
  /** The client wants the connection closed after the answer. */
  readonly closes: boolean;
  readonly expects: 'nothing' | 'continue' | 'unknown';
  readonly upgrade: boolean;
}

/** Why a head is not one: the status says it. */
export type HeadFault = 'malformed' | 'coding' | 'version';

const REQUEST_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([^\s\0-\x20\x7f]+) HTTP\/(\d)\.(\d)$/;
/** No folding, no space before the colon, no bare CR, LF or NUL: what servers read differently is how requests are smuggled. */
const HEADER_LINES = /^(?:\r\n[!#$%&'*+\-.^_`|~0-9a-z]+:[^\0\r\n]*)*$/;

/** Reads the head that ends before the empty line. `text` is without the last line break. */
export function parseHead(text: string): RequestHead | HeadFault {
  const lineEnd = text.indexOf('\r\n');
  const line = REQUEST_LINE.exec(lineEnd === -1 ? text : text.slice(0, lineEnd));
  if (line === null) return 'malformed';
  const [, method = '', target = '', major, minor] = line;
  if (major !== '1') return 'version';
  const lines = lineEnd === -1 ? '' : text.slice(lineEnd);
  const lower = lines.toLowerCase();
  if (!HEADER_LINES.test(lower)) return 'malformed';
  const http10 = minor === '0';
  if (!http10 && headerValue(lower, lower, 'host') === undefined) return 'malformed';
  const body_bytes = bodyLength(lower);
  if (typeof body_bytes === 'string') return body_bytes;
  const connection = headerValue(lower, lower, 'connection') ?? '';
  const expect = headerValue(lower, lower, 'expect');
  return {
    method,
    path: pathOf(target),
    http10,
    lower,
    lines,
    body_bytes,
    closes: http10 || connection.includes('close'),
    expects: expect === undefined || http10 ? 'nothing' : expect === '100-continue' ? 'continue' : 'unknown',
    upgrade: connection.includes('upgrade') && headerValue(lower, lower, 'upgrade') === 'websocket',
  };
}

/** The value of a header, of several the first; undefined: there is none. `lower` finds it, `lines` gives it. */
export function headerValue(lower: string, lines: string, name: string): string | undefined {
  const key = `\r\n${name}:`;
  const at = lower.indexOf(key);
  if (at === -1) return undefined;
  const start = at + key.length;
  const end = lower.indexOf('\r\n', start);
  return lines.slice(start, end === -1 ? lines.length : end).trim();
}

function bodyLength(lower: string): number | HeadFault {
  const length = headerValue(lower, lower, 'content-length');
  const coding = headerValue(lower, lower, 'transfer-encoding');
  if (coding !== undefined) {
    if (length !== undefined || isRepeated(lower, 'transfer-encoding')) return 'malformed';
    return coding === 'chunked' ? -1 : 'coding';
  }
  if (length === undefined) return 0;
  if (!/^\d{1,15}$/.test(length) || isRepeated(lower, 'content-length')) return 'malformed';
  return Number(length);
}

function isRepeated(lower: string, name: string): boolean {
  const key = `\r\n${name}:`;
  return lower.indexOf(key) !== lower.lastIndexOf(key);
}

/** The path of a target in origin form or absolute form. */
function pathOf(target: string): string {
  const query = target.indexOf('?');
  const path = query === -1 ? target : target.slice(0, query);
  if (path.startsWith('/')) return path;
  const authority = /^https?:\/\/[^/]*/i.exec(path);
  return authority === null ? path : path.slice(authority[0].length) || '/';
}
