import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFaceLog, type FaceLog } from '../../runtime/observe/face-log.js';

type Line = readonly [level: string, fields: Readonly<Record<string, unknown>>, message: string];

function recorded(log_requests: boolean): { readonly log: FaceLog; readonly lines: Line[]; pass(ms: number): void } {
  const lines: Line[] = [];
  let clock_ms = 0;
  const write = (level: string) => (fields: Line[1], message: string) => void lines.push([level, fields, message]);
  const node = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
  const log = createFaceLog(node, { log_requests, now_ms: () => clock_ms });
  return {
    log,
    lines,
    pass: (ms) => {
      clock_ms += ms;
    },
  };
}

const TRACE = { trace_id: '0af7651916cd43dd8448eb211c80319c', span_id: 'b7ad6b7169203331' };
const TRACEPARENT = `00-${TRACE.trace_id}-${TRACE.span_id}-01`;

test('requests are logged where that is asked for, with their trace, without what is empty', () => {
  const { log, lines } = recorded(true);
  const fields = {
    model: 'iris',
    version: '',
    request_id: 'r1',
    traceparent: TRACEPARENT,
    status: 200,
    code: '',
    total_us: 5,
  };
  log.request?.(fields);
  log.request?.({ ...fields, traceparent: 'nonsense' });
  assert.deepEqual(lines, [
    ['info', { model: 'iris', request_id: 'r1', status: 200, total_us: 5, ...TRACE }, 'request'],
    ['info', { model: 'iris', request_id: 'r1', status: 200, total_us: 5 }, 'request'],
  ]);
  assert.equal(recorded(false).log.request, undefined);
});

test('a connection is logged with its trace', () => {
  const { log, lines } = recorded(false);
  log.debug({ connection: 1, traceparent: TRACEPARENT }, 'WebSocket opened');
  assert.deepEqual(lines, [['debug', { connection: 1, ...TRACE }, 'WebSocket opened']]);
});

test('what callers can provoke is logged once a minute for each cause, and says how often it was held back', () => {
  const { log, lines, pass } = recorded(false);
  const error = new Error('broken');
  for (let time = 0; time < 5; time++) log.error({ path: `/${time}`, error }, 'a request failed');
  log.error({ error: new Error('burnt') }, 'a request failed');
  pass(60_000);
  log.error({ path: '/5', error }, 'a request failed');
  assert.deepEqual(
    lines.map(([level, { path, held_back }]) => [level, path, held_back]),
    [
      ['error', '/0', undefined],
      ['error', undefined, undefined],
      ['error', '/5', 4],
    ],
  );
});
