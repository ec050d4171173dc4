import { Hono } from 'hono';
import { z } from 'zod';
import { TidegateError } from '../../contract/error.js';
import { parsed } from '../query.js';
import { described } from './described.js';
import type { EventHub, HubEvent } from './event-hub.js';

/** Proxies close what is silent for longer. */
const HEARTBEAT_MS = 15_000;
const RETRY_MS = 2000;
const AT_ONCE = 64;
const MOST_READERS = 1000;

const QuerySchema = z.strictObject({
  kind: z.string().optional().describe('only of these kinds, separated by commas; changed covers changed.models too'),
});

export interface EventServices {
  readonly events: EventHub;
  readonly heartbeat_ms?: number;
}

/** `/v1/events`: everything that changes, as server-sent events: docs/api.md. */
export function eventRoutes({ events, heartbeat_ms = HEARTBEAT_MS }: EventServices): Hono {
  const app = new Hono();
  let readers = 0;
  const route = described({
    summary: 'Follow what changes, as server-sent events',
    tag: 'Events',
    query: QuerySchema,
    headers: [{ name: 'last-event-id', description: 'the event that was seen last: it goes on behind it' }],
    answers: { 200: { description: 'Events, until one side ends it', types: ['text/event-stream'] } },
  });
  app.get('/', route, (context) => {
    const { kind } = parsed(QuerySchema, context.req.query());
    if (readers >= MOST_READERS) {
      throw new TidegateError(
        'TOO_MANY_STREAMS',
        `${readers} clients follow the events, as many as may: try again later`,
      );
    }
    readers++;
    const wanted = kind === undefined ? undefined : kind.split(',');
    const id = context.req.header('last-event-id');
    const body = eventStream(events, { id, wanted, heartbeat_ms }, () => {
      readers--;
    });
    return context.body(body, 200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
  });
  return app;
}

interface Reading {
  readonly id: string | undefined;
  readonly wanted: readonly string[] | undefined;
  readonly heartbeat_ms: number;
}

/** What one reader gets. It is asked for more only when the reader has taken what was there, so what waits for it is the ring alone. */
function eventStream(
  events: EventHub,
  { id, wanted, heartbeat_ms }: Reading,
  onEnd: () => void,
): ReadableStream<Uint8Array> {
  const stopped = new AbortController();
  const encoder = new TextEncoder();
  const from = events.positionOf(id);
  let at = from.n;
  const end = () => {
    stopped.abort();
    onEnd();
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const begun = `id: ${events.idOf(at)}\nretry: ${RETRY_MS}\n\n`;
        const gap = from.isGap ? message('reset', undefined, { reason: GAP }) : '';
        controller.enqueue(encoder.encode(begun + gap));
      },
      async pull(controller) {
        await events.changed(at, heartbeat_ms, stopped.signal);
        if (stopped.signal.aborted) return;
        if (events.isLost(at)) {
          controller.enqueue(encoder.encode(message('dropped', undefined, { reason: SLOW })));
          controller.close();
          return end();
        }
        const next = events.behind(at, AT_ONCE);
        at = next.at(-1)?.n ?? at;
        const text = next.filter((event) => isWanted(event, wanted)).map((event) => frameOf(events, event));
        // Also in the place of events that nobody wanted here: a stream that is pulled has to give something.
        controller.enqueue(encoder.encode(text.length === 0 ? `: ${events.idOf(at)}\n\n` : text.join('')));
        if (events.isClosed && at === events.last) {
          controller.close();
          end();
        }
      },
      cancel: end,
    },
    { highWaterMark: 1 },
  );
}

const GAP = 'what came since the last event is not known here any more: read again what you follow';
const SLOW = 'events were read too slowly, and some are forgotten: connect again, and read again what you follow';

function isWanted({ kind }: HubEvent, wanted: readonly string[] | undefined): boolean {
  return wanted === undefined || wanted.some((each) => kind === each || kind.startsWith(`${each}.`));
}

function frameOf(events: EventHub, { n, kind, data }: HubEvent): string {
  return `id: ${events.idOf(n)}\nevent: ${kind}\ndata: ${data}\n\n`;
}

function message(kind: string, id: string | undefined, data: object): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${kind}\ndata: ${JSON.stringify(data)}\n\n`;
}
