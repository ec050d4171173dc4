import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { Hono } from 'hono';
import { z } from 'zod';
import { TidegateError } from '../../contract/error.js';
import { described } from '../api/described.js';
import { answerOperation, wantsOperation } from '../api/operation-routes.js';
import type { Services } from '../app.js';
import { bodyObject, moment, nonEmpty, parsed } from '../query.js';
import { References } from './references.js';
import { FILE_FORMATS } from './sent-rows.js';

const ReadableBytesSchema = z.instanceof(ReadableStream);

/** References of a model: docs/control-plane.md. */
export function referenceRoutes({ client, database, now_ms, entry }: Services): Hono {
  const references = new References(client, database);
  const FreezeSchema = z.strictObject({
    window: z.strictObject({ from: moment(now_ms), to: moment(now_ms) }),
    version: z.int().positive().optional(),
  });
  const FileSchema = z.strictObject({ version: z.coerce.number().int().positive().optional() });
  const app = new Hono();
  app.get(
    '/:model/references',
    described({ summary: 'List the references of a model', tag: 'References', query: z.strictObject({}) }),
    async (context) => {
      parsed(z.strictObject({}), context.req.query());
      return context.json({ items: await references.list(context.req.param('model')) });
    },
  );
  app.post(
    '/:model/references',
    described({
      summary: 'Make a reference of a window of the log, or of a file',
      tag: 'References',
      query: FileSchema,
      body: FreezeSchema,
      bodyTypes: Object.keys(FILE_FORMATS),
      creates: true,
      long: true,
      answers: { 201: { description: 'The reference' } },
    }),
    async (context) => {
      const type = context.req.header('content-type')?.split(';')[0].trim().toLowerCase() ?? '';
      const format = FILE_FORMATS[type];
      const { body } = context.req.raw;
      if (format !== undefined && body !== null) {
        const asked = parsed(FileSchema, context.req.query());
        const file = { rows: Readable.fromWeb(ReadableBytesSchema.parse(body)), format };
        return context.json(await references.fromFile({ model: context.req.param('model'), ...asked }, file), 201);
      }
      const { window, version } = parsed(FreezeSchema, bodyObject(await context.req.text()));
      const span = nonEmpty(window.from, window.to);
      const filter = { model: context.req.param('model'), ...span, version };
      if (entry !== undefined && wantsOperation(context)) {
        return answerOperation(context, entry.operations, `make a reference of ${filter.model}`, ({ signal }) =>
          new References(client, database, signal).freeze(filter),
        );
      }
      return context.json(await references.freeze(filter), 201);
    },
  );
  app.get('/:model/references/:id', described({ summary: 'Show a reference', tag: 'References' }), async (context) => {
    const { model, id: text } = context.req.param();
    const id = Number(text);
    if (!Number.isSafeInteger(id)) {
      throw new TidegateError('INVALID_PARAMETER', `'${text}' is no id of a reference: GET …/references lists them`);
    }
    return context.json(await references.read(model, id));
  });
  return app;
}
