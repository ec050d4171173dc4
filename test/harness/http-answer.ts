/** One answer as it came over the wire. Bodies are joined from their chunks, but not decompressed. */
export interface WireAnswer {
  readonly status: number;
  /** By lower-case name; what came twice is joined by a comma. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

export interface ParsedAnswer {
  readonly answer: WireAnswer;
  /** Where the next answer starts. */
  readonly end: number;
}

const HEAD_END = '\r\n\r\n';

/**
 * Reads one answer from the start of `bytes`; undefined while it is not complete. Interim answers (100 Continue) are skipped.
 * Throws where the bytes are no HTTP: that is the server's fault.
 */
export function parseAnswer(bytes: Buffer, method: string, ended: boolean): ParsedAnswer | undefined {
  let start = 0;
  for (;;) {
    const headEnd = bytes.indexOf(HEAD_END, start);
    if (headEnd < 0) return undefined;
    const [statusLine, ...lines] = bytes.toString('latin1', start, headEnd).split('\r\n');
    const status = Number(/^HTTP\/1\.[01] (\d{3})( .*)?$/.exec(statusLine)?.[1] ?? Number.NaN);
    if (Number.isNaN(status)) throw new Error(`not a status line: ${JSON.stringify(statusLine)}`);
    start = headEnd + HEAD_END.length;
    if (status < 200) continue;
    const headers = parseHeaders(lines);
    const found = parseBody(bytes, start, method, status, headers, ended);
    return found && { answer: { status, headers, body: found.body }, end: found.end };
  }
}

function parseHeaders(lines: readonly string[]): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon <= 0) throw new Error(`not a header: ${JSON.stringify(line)}`);
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return headers;
}

interface FoundBody {
  readonly body: Buffer;
  readonly end: number;
}

function parseBody(
  bytes: Buffer,
  start: number,
  method: string,
  status: number,
  headers: ReadonlyMap<string, string>,
  ended: boolean,
): FoundBody | undefined {
  if (method === 'HEAD' || status === 204 || status === 304) return { body: Buffer.alloc(0), end: start };
  if (headers.get('transfer-encoding')?.toLowerCase() === 'chunked') return parseChunks(bytes, start);
  const length = headers.get('content-length');
  if (length === undefined) return ended ? { body: bytes.subarray(start), end: bytes.length } : undefined;
  if (!/^\d+$/.test(length)) throw new Error(`not a content-length: ${length}`);
  const end = start + Number(length);
  return end > bytes.length ? undefined : { body: bytes.subarray(start, end), end };
}

function parseChunks(bytes: Buffer, start: number): FoundBody | undefined {
  const chunks: Buffer[] = [];
  for (let at = start; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    if (Number.isNaN(size)) throw new Error('not the size of a chunk');
    const from = lineEnd + 2;
    if (from + size + 2 > bytes.length) return undefined;
    if (size === 0) return { body: Buffer.concat(chunks), end: from + 2 };
    chunks.push(bytes.subarray(from, from + size));
    at = from + size + 2;
  }
}
