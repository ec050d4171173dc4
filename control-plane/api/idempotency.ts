import { createHash } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { TidegateError } from '../../contract/error.js';
import { routeDescription } from './described.js';
import type { IdempotencyStore, KeptAnswer } from './idempotency-store.js';

const MOST_KEY_CHARACTERS = 200;
/** A body that comes with a key is read whole, to be compared with the one that came before. */
const MOST_BODY_BYTES = 8 * 1024 * 1024;
const KEPT_HEADERS = ['content-type', 'etag', 'location'];

/**
 * On routes that make something: a request that comes again with the same `Idempotency-Key` is answered as the first was, and nothing is made again.
 * Throws IDEMPOTENCY_MISMATCH for another request with that key, CONFLICT while the first is not answered.
 */
export function idempotent(store: IdempotencyStore, now_ms: () => number): MiddlewareHandler {
  return async (context, next) => {
    const given = context.req.header('idempotency-key');
    if (given === undefined || routeDescription(context)?.creates !== true) return next();
    const key = keyOf(context, given);
    const request = await fingerprint(context);
    const known = store.find(key, now_ms());
    if (known !== undefined) {
      if (known.request !== request) throw otherRequest(given);
      if (known.kind === 'answered') return replayed(context, known.answer);
      throw unanswered(given, known.at_ms);
    }
    store.begin(key, request, now_ms());
    await next();
    const kept = context.error === undefined ? await keptAnswer(context.res) : undefined;
    if (kept === undefined) store.drop(key, now_ms());
    else store.answered(key, request, kept, now_ms());
    return undefined;
  };
}

/** Keys of different callers have nothing to do with each other. */
function keyOf(context: Context, given: string): string {
  if (given.length === 0 || given.length > MOST_KEY_CHARACTERS) {
    throw new TidegateError(
      'INVALID_PARAMETER',
      `Idempotency-Key has ${given.length} characters: give 1 to ${MOST_KEY_CHARACTERS}`,
    );
  }
  return `${context.get('caller')?.token ?? ''}/${given}`;
}

/** What was asked, as one hash. The body is read for it, and put back for the route. */
async function fingerprint(context: Context): Promise<string> {
  const { raw } = context.req;
  const body = await wholeBody(raw.body);
  const { method, url, headers } = raw;
  context.req.raw = new Request(url, { method, headers, ...(body.length === 0 ? {} : { body }) });
  const { pathname, search } = new URL(url);
  const type = headers.get('content-type') ?? '';
  return createHash('sha256').update(`${method} ${pathname}${search}\n${type}\n`).update(body).digest('hex');
}

async function wholeBody(body: Request['body']): Promise<Buffer<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.length;
    if (bytes > MOST_BODY_BYTES) {
      throw new TidegateError(
        'BODY_TOO_LARGE',
        `with an Idempotency-Key a body has at most ${MOST_BODY_BYTES} bytes: send this one without a key`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** undefined: nothing was made, so there is nothing to remember. */
async function keptAnswer(answer: Response): Promise<KeptAnswer | undefined> {
  if (answer.status >= 300) return undefined;
  const headers = KEPT_HEADERS.flatMap((name): [string, string][] => {
    const value = answer.headers.get(name);
    return value === null ? [] : [[name, value]];
  });
  return { status: answer.status, headers: Object.fromEntries(headers), body: await answer.clone().text() };
}

function replayed(context: Context, { status, headers, body }: KeptAnswer): Response {
  return context.body(body, status as ContentfulStatusCode, { ...headers, 'idempotency-replayed': 'true' });
}

function otherRequest(given: string): TidegateError {
  return new TidegateError(
    'IDEMPOTENCY_MISMATCH',
    `the Idempotency-Key '${given}' came before with another request: give each request a key of its own`,
  );
}

function unanswered(given: string, at_ms: number): TidegateError {
  return new TidegateError(
    'CONFLICT',
    `the request with the Idempotency-Key '${given}' was begun at ${new Date(at_ms).toISOString()} and has no answer yet: wait for it; if the control plane was restarted since, look whether it was done, and give another key if not`,
  );
}
