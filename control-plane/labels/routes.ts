import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { type Context, Hono } from 'hono';
import { z } from 'zod';
import { TidegateError } from '../../contract/error.js';
import { described } from '../api/described.js';
import type { Services } from '../app.js';
import { problemOf } from '../problem.js';
import { parsed } from '../query.js';
import { labelCheck } from './label-check.js';
import { LabelStore } from './label-store.js';
import { LabelWriter } from './label-writer.js';
import { labelSummary } from './summary.js';
import { LABEL_FORMATS, takeLabels, type UploadReport } from './upload.js';

const BodySchema = z.instanceof(ReadableStream);
const MOST_KEY_CHARACTERS = 200;
const KEY_HEADER = {
  name: 'idempotency-key',
  description: 'the same file with the same key counts once, whatever was corrected since',
};

/** `POST /v1/labels`, and what became of them: docs/labels.md. */
export function labelRoutes({ client, database, now_ms, labelsCame = () => {} }: Services): Hono {
  const store = new LabelStore(client, database);
  const writer = new LabelWriter(store, now_ms);
  const check = labelCheck(client, database);
  const QuerySchema = z.strictObject({
    model: z.string().min(1).optional(),
    source: z.string().min(1).optional(),
    on_error: z.enum(['skip', 'refuse']).default('skip'),
  });
  const app = new Hono();
  app.post(
    '/',
    described({
      summary: 'Send labels: what became of what was predicted',
      tag: 'Labels',
      query: QuerySchema,
      bodyTypes: Object.keys(LABEL_FORMATS),
      headers: [KEY_HEADER],
    }),
    async (context) => {
      const { on_error, ...given } = parsed(QuerySchema, context.req.query());
      const type = context.req.header('content-type')?.split(';')[0].trim().toLowerCase() ?? '';
      const read = LABEL_FORMATS[type];
      if (read === undefined) {
        const known = Object.keys(LABEL_FORMATS).join(', ');
        throw new TidegateError('INVALID_REQUEST', `the content type is '${type}': labels come as ${known}`);
      }
      const key = idempotencyKey(context.req.header('idempotency-key'));
      const known = key === undefined ? undefined : await store.answered(key);
      if (known !== undefined) {
        await context.req.raw.body?.cancel();
        return context.body(known, 200, { 'content-type': 'application/json', 'idempotency-replayed': 'true' });
      }
      const { body } = context.req.raw;
      const rows = read(body === null ? Readable.from([]) : Readable.fromWeb(BodySchema.parse(body)));
      const defaults = { model: given.model, source: given.source, now_ms: now_ms() };
      const report = await takeLabels({ rows, defaults, on_error, check }, writer);
      if (report.accepted === 0) return refusedWholly(context, report);
      const answer = JSON.stringify(report);
      if (key !== undefined) await store.remember(key, answer);
      labelsCame();
      return context.body(answer, 200, { 'content-type': 'application/json' });
    },
  );
  const SummarySchema = z.strictObject({ model: z.string().min(1).optional() });
  app.get(
    '/',
    described({ summary: 'Count labels, and what became of them', tag: 'Labels', query: SummarySchema }),
    async (context) => {
      const { model } = parsed(SummarySchema, context.req.query());
      return context.json(await labelSummary(client, database, model));
    },
  );
  return app;
}

/** None was taken: a problem, with the rows that are broken. It may come again, mended, under the same key. */
function refusedWholly(context: Context, { rejected, rejected_rows }: UploadReport): Response {
  const [first] = rejected_rows;
  const detail = `no label was taken, ${rejected} of them ${rejected === 1 ? 'is' : 'are'} broken; row ${first.row}: ${first.problem}`;
  const problem = { ...problemOf(new TidegateError('INVALID_REQUEST', detail)), rejected, rejected_rows };
  return context.body(JSON.stringify(problem), 400, { 'content-type': 'application/problem+json' });
}

function idempotencyKey(given: string | undefined): string | undefined {
  if (given === undefined) return undefined;
  if (given.length > 0 && given.length <= MOST_KEY_CHARACTERS) return given;
  throw new TidegateError(
    'INVALID_PARAMETER',
    `Idempotency-Key has ${given.length} characters: give 1 to ${MOST_KEY_CHARACTERS}`,
  );
}
