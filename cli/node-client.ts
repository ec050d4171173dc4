import { z } from 'zod';
import { CommandError, EXIT } from './exit.js';

const ErrorSchema = z.object({ error: z.string(), code: z.string().optional() });
/** The control plane's errors: RFC 9457. */
const ProblemSchema = z
  .object({ detail: z.string(), code: z.string() })
  .transform(({ detail, code }) => ({ error: detail, code }));
const RefusalSchema = z.union([ErrorSchema, ProblemSchema]);

/** A question to a running node; its answer is what `schema` says. */
export interface Question<T> {
  readonly path: string;
  /** Sent by POST as JSON; undefined: a GET. */
  readonly body?: unknown;
  readonly schema: z.ZodType<T>;
}

/** Asks a running node. Ends the command with UNREACHABLE when none answers there, with REFUSED when it does not want to. */
export async function ask<T>(url: string, { path, body, schema }: Question<T>): Promise<T> {
  const response = await reach(url, path, body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) });
  return answerOf(url, path, schema, response);
}

export async function answerOf<T>(url: string, path: string, schema: z.ZodType<T>, response: Response): Promise<T> {
  const json = parseJson(await response.text());
  if (!response.ok) throw refusal(url, response.status, json);
  const answer = schema.safeParse(json);
  if (!answer.success) throw stranger(url, `its answer to ${path} is not what the Open Inference Protocol has`);
  return answer.data;
}

/** Something to be sent as it is. */
export interface Sending<T> {
  readonly path: string;
  readonly body: Blob;
  readonly headers: Readonly<Record<string, string>>;
  readonly schema: z.ZodType<T>;
}

/** As `ask`, with a body of any kind. */
export async function send<T>(url: string, { path, body, headers, schema }: Sending<T>): Promise<T> {
  return answerOf(url, path, schema, await reach(url, path, { method: 'POST', body, headers }));
}

export async function isReady(url: string): Promise<boolean> {
  return (await reach(url, '/v2/health/ready', {})).ok;
}

export async function reach(url: string, path: string, init: RequestInit): Promise<Response> {
  if (!URL.canParse(path, url))
    throw new CommandError(EXIT.USAGE, `--url is '${url}': give one like http://127.0.0.1:8080`);
  try {
    return await fetch(new URL(path, url), withToken(path, init));
  } catch (cause) {
    const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : String(cause);
    const text = `nothing answers at ${url} (${reason}): start a node with tidegate up, or give --url`;
    throw new CommandError(EXIT.UNREACHABLE, text);
  }
}

/** Who asks, where the control plane wants to know: the token of TIDEGATE_TOKEN. Nodes, which answer under /v2, are not told. */
function withToken(path: string, init: RequestInit): RequestInit {
  const token = process.env['TIDEGATE_TOKEN'] ?? '';
  if (token === '' || !path.startsWith('/v1/')) return init;
  const headers = new Headers(init.headers);
  headers.set('authorization', `Bearer ${token}`);
  return { ...init, headers };
}

/** undefined where it is no JSON. */
function parseJson(text: string): unknown {
  if (text === '') return {};
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refusal(url: string, status: number, json: unknown): CommandError {
  const told = RefusalSchema.safeParse(json);
  if (!told.success) return stranger(url, `it answers with status ${status}`);
  const message = `${told.data.error} (${told.data.code ?? status})`;
  return new CommandError(status < 500 ? EXIT.REFUSED : EXIT.FAILED, message);
}

function stranger(url: string, why: string): CommandError {
  return new CommandError(EXIT.FAILED, `what listens at ${url} is no Tidegate node: ${why}; give another --url`);
}
