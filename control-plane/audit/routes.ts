import { Hono } from 'hono';
import { z } from 'zod';
import { described } from '../api/described.js';
import { Cursors, PAGE_PARAMETERS } from '../api/page.js';
import { moment, parsed } from '../query.js';
import type { AuditStore } from './audit-store.js';
import { type AuditEntry, AuditPageSchema } from './entry.js';

/** How many entries one page looks at: a filter that matches little is answered page by page too. */
const MOST_LOOKED_AT = 20_000;
const STEP = 500;

export interface AuditServices {
  readonly audit: AuditStore;
  readonly cursorKey: Buffer;
  readonly now_ms: () => number;
}

const HeadSchema = z.object({ n: z.int(), hash: z.string() });

/** `/v1/audit`: who did what, and who was refused: docs/access.md. */
export function auditRoutes({ audit, cursorKey, now_ms }: AuditServices): Hono {
  const cursors = new Cursors(cursorKey, z.int().positive());
  const QuerySchema = z.strictObject({
    ...PAGE_PARAMETERS,
    kind: z.enum(['asked', 'answered', 'refused', 'noted']).optional(),
    who: z.string().optional().describe('name or id of a token'),
    path: z.string().optional().describe('beginning of a path, like /v1/models/flights'),
    from: moment(now_ms).optional(),
    to: moment(now_ms).optional(),
  });
  const app = new Hono();
  app.get(
    '/',
    described({
      summary: 'List changes and refusals, newest first',
      tag: 'Access',
      role: 'admin',
      query: QuerySchema,
      answers: { 200: { description: 'A page of the audit log', body: AuditPageSchema } },
    }),
    (context) => {
      const { limit, cursor, ...filter } = parsed(QuerySchema, context.req.query());
      // A span before now is another moment at each page, and is the same filter: what was written is signed.
      const { limit: _limit, cursor: _cursor, ...written } = context.req.query();
      const before = cursors.read('audit', written, cursor) ?? audit.head.n + 1;
      const { items, looked_to } = matching(audit, filter, before, limit);
      const next_cursor = looked_to > 1 ? cursors.write('audit', written, looked_to) : null;
      return context.json({ items, next_cursor });
    },
  );
  app.get(
    '/head',
    described({
      summary: 'Show the last entry of the audit log, to be kept elsewhere and verified against',
      tag: 'Access',
      role: 'admin',
      answers: { 200: { description: 'Number and hash of the last entry', body: HeadSchema } },
    }),
    (context) => context.json(audit.head),
  );
  return app;
}

interface Filter {
  readonly kind?: AuditEntry['kind'] | undefined;
  readonly who?: string | undefined;
  readonly path?: string | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

function matching(audit: AuditStore, filter: Filter, before: number, limit: number) {
  const items: AuditEntry[] = [];
  let at = before;
  for (let looked = 0; looked < MOST_LOOKED_AT && at > 1; ) {
    for (const entry of audit.page(at, STEP)) {
      at = entry.n;
      looked++;
      if (filter.from !== undefined && Date.parse(entry.at) < filter.from) return { items, looked_to: 1 };
      if (matches(entry, filter)) items.push(entry);
      if (items.length === limit) return { items, looked_to: at };
    }
  }
  return { items, looked_to: at };
}

function matches(entry: AuditEntry, { kind, who, path, to }: Filter): boolean {
  if (kind !== undefined && entry.kind !== kind) return false;
  if (to !== undefined && Date.parse(entry.at) >= to) return false;
  if (who !== undefined && (!('who' in entry) || (entry.who.name !== who && entry.who.token !== who))) return false;
  return path === undefined || ('path' in entry && entry.path.startsWith(path));
}
