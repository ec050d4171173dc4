import { type Context, Hono } from 'hono';
import { z } from 'zod';
import { parsed } from '../query.js';
import { described } from './described.js';
import { OPERATION_STATES, OperationSchema, type Work } from './operation.js';
import type { Operations } from './operations.js';
import { Cursors, PAGE_PARAMETERS, pageOf } from './page.js';

const ListSchema = z.strictObject({ ...PAGE_PARAMETERS, state: z.enum(OPERATION_STATES).optional() });
const PageSchema = z.object({ items: z.array(OperationSchema), next_cursor: z.string().nullable() });

export interface OperationServices {
  readonly operations: Operations;
  readonly cursorKey: Buffer;
}

/** `/v1/operations`: long work that can be watched and cancelled: docs/api.md. */
export function operationRoutes({ operations, cursorKey }: OperationServices): Hono {
  const cursors = new Cursors(cursorKey, z.string());
  const app = new Hono();
  const tag = 'Operations';
  const one = { 200: { description: 'The operation', body: OperationSchema } };
  const list = described({
    summary: 'List long work, newest first',
    tag,
    query: ListSchema,
    answers: { 200: { description: 'A page of operations', body: PageSchema } },
  });
  app.get('/', list, (context) => {
    const { limit, cursor, state } = parsed(ListSchema, context.req.query());
    const filter = { state: state ?? '' };
    const behind = cursors.read('operations', filter, cursor);
    const all = operations.list().filter((each) => state === undefined || each.state === state);
    const page = pageOf(
      all,
      limit,
      ({ id }) => behind === undefined || id < behind,
      ({ id }) => cursors.write('operations', filter, id),
    );
    return context.json(page);
  });
  app.get('/:id', described({ summary: 'Show long work', tag, answers: one }), (context) =>
    context.json(operations.get(context.req.param('id'))),
  );
  app.post('/:id/cancel', described({ summary: 'Ask long work to stop', tag, answers: one }), (context) =>
    context.json(operations.cancel(context.req.param('id'))),
  );
  return app;
}

/** Whether the caller would rather watch than wait: RFC 7240. */
export function wantsOperation(context: Context): boolean {
  const preferences = (context.req.header('prefer') ?? '').split(',');
  return preferences.some((each) => each.trim().toLowerCase() === 'respond-async');
}

/** Begins work that the caller of this request watches, and answers 202 with where. */
export function answerOperation(
  context: Context,
  operations: Operations,
  what: string,
  work: (work: Work) => Promise<unknown>,
): Response {
  const by = context.get('caller')?.name ?? '';
  const operation = operations.start({ what, path: context.req.path, by }, work);
  return context.json(operation, 202, {
    location: `/v1/operations/${operation.id}`,
    'preference-applied': 'respond-async',
  });
}
