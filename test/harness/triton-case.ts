import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TRITON_CASES } from './checkout.js';
import { WireConnection, type WireOutcome } from './wire-connection.js';

type Repeated = readonly (readonly [text: string, times: number])[];
type HeaderValue = string | null | readonly string[] | { readonly repeat: Repeated };

export interface CaseRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, HeaderValue>>;
  readonly body?: string;
  readonly body_base64?: string;
  readonly body_repeat?: Repeated;
  readonly path_more?: Repeated;
  readonly http?: string;
  readonly then_close_sending?: boolean;
}

export interface RecordedAnswer {
  readonly outcome: 'answered' | 'closed' | 'silent';
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly body_base64?: string;
  readonly binary_base64?: string;
  readonly moved?: Readonly<Record<string, number>>;
  readonly volatile?: readonly string[];
}

export interface Deliberate {
  readonly why: string;
  readonly instead: readonly (string | number)[];
  readonly any_body?: boolean;
}

/** One odd request and the answer of a real Triton: test/fixtures/triton/cases. */
export interface TritonCase extends CaseRequest {
  readonly name: string;
  readonly answer: RecordedAnswer;
  readonly deliberate?: Deliberate;
  readonly error_has?: string;
  readonly seconds?: number;
  readonly first?: readonly CaseRequest[];
  readonly before?: readonly CaseRequest[];
  readonly after?: readonly CaseRequest[];
  readonly around?: readonly CaseRequest[];
}

/** What a server did with a case. `earlier` is the first of two readings where the case has `around`. */
export interface Observed {
  readonly outcome: WireOutcome;
  readonly earlier?: WireOutcome;
}

const DEFAULT_SECONDS = 5;

/** The recorded cases by theme, in the order of recording. */
export function tritonCases(): ReadonlyMap<string, readonly TritonCase[]> {
  const themes = new Map<string, readonly TritonCase[]>();
  for (const file of readdirSync(TRITON_CASES).sort()) {
    const cases: readonly TritonCase[] = JSON.parse(readFileSync(join(TRITON_CASES, file), 'utf8'));
    themes.set(file.replace('.json', ''), cases);
  }
  return themes;
}

function joined(repeated: Repeated | undefined): string {
  return (repeated ?? []).map(([text, times]) => text.repeat(times)).join('');
}

function headerLines(name: string, value: HeaderValue): string[] {
  if (value === null) return [];
  if (typeof value === 'string') return [`${name}: ${value}`];
  if ('repeat' in value) return [`${name}: ${joined(value.repeat)}`];
  return value.map((each) => `${name}: ${each}`);
}

/** The bytes of a request, exactly as the case describes them. */
export function requestBytes(request: CaseRequest, port: number): Buffer {
  const headers = request.headers ?? {};
  const names = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
  const body =
    request.body_base64 === undefined
      ? Buffer.from(request.body ?? joined(request.body_repeat), 'utf8')
      : Buffer.from(request.body_base64, 'base64');
  const lines = [`${request.method} ${request.path}${joined(request.path_more)} ${request.http ?? 'HTTP/1.1'}`];
  if (!names.has('host')) lines.push(`Host: 127.0.0.1:${port}`);
  for (const [name, value] of Object.entries(headers)) lines.push(...headerLines(name, value));
  if (body.length > 0 && !names.has('content-length') && !names.has('transfer-encoding')) {
    lines.push(`Content-Length: ${body.length}`);
  }
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'utf8'), body]);
}

/** Sends one request on a connection of its own. */
export async function sendAlone(
  port: number,
  request: CaseRequest,
  seconds: number,
  first: readonly CaseRequest[] = [],
): Promise<WireOutcome> {
  const connection = await WireConnection.open(port);
  try {
    for (const earlier of first) {
      connection.send(requestBytes(earlier, port));
      const { outcome } = await connection.receive(earlier.method, seconds);
      if (outcome !== 'answered') return { outcome };
    }
    connection.send(requestBytes(request, port));
    if (request.then_close_sending) connection.closeSending();
    return await connection.receive(request.method, seconds);
  } finally {
    connection.destroy();
  }
}

/** Sends a case with all that belongs before, around and after it. */
export async function runCase(port: number, recorded: TritonCase): Promise<Observed> {
  const seconds = recorded.seconds ?? DEFAULT_SECONDS;
  const aside = async (requests: readonly CaseRequest[] = []): Promise<void> => {
    for (const request of requests) await sendAlone(port, request, DEFAULT_SECONDS);
  };
  await aside(recorded.before);
  try {
    if (recorded.around === undefined) return { outcome: await sendAlone(port, recorded, seconds, recorded.first) };
    const earlier = await sendAlone(port, recorded, seconds);
    await aside(recorded.around);
    return { earlier, outcome: await sendAlone(port, recorded, seconds) };
  } finally {
    await aside(recorded.after);
  }
}
