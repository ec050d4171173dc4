import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { z } from 'zod';
import { createApp } from '../../../control-plane/app.js';
import { readWatch } from '../../../control-plane/monitor/monitor-files.js';
import { Monitors } from '../../../control-plane/monitor/monitors.js';
import { Outbox } from '../../../control-plane/notify/outbox.js';
import { DATABASE, HOUR_MS, LabelRig, START_MS } from '../labels/label-rig.js';

const SECRET = 'a-secret-of-many-characters';
const END_MS = START_MS + HOUR_MS;

interface Received {
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** Somebody's webhook, which answers as it is told. */
async function receiver(
  t: TestContext,
): Promise<{ url: string; received: Received[]; answer: (status: number) => void }> {
  const received: Received[] = [];
  let status = 200;
  const server = createServer(async (request, response) => {
    received.push({ headers: request.headers, body: await text(request) });
    response.writeHead(status).end('as told');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return {
    url: `http://127.0.0.1:${address.port}/hook`,
    received,
    answer: (next) => {
      status = next;
    },
  };
}

/** A control plane whose clock stands still until it is moved. */
async function watched(t: TestContext, rig: LabelRig, files: Readonly<Record<string, string>>) {
  const folder = await mkdtemp(join(tmpdir(), 'tidegate-monitors-'));
  t.after(() => rm(folder, { recursive: true }));
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  const watch = await readWatch(folder);
  const clock = { now_ms: END_MS };
  const now_ms = () => clock.now_ms;
  const log = { debug() {}, info() {}, warn() {}, error() {}, flush() {} };
  const open = () => {
    const monitors = new Monitors(rig.client, DATABASE, now_ms);
    monitors.monitors = watch.monitors;
    const outbox = new Outbox(rig.client, DATABASE, monitors.ledger, () => 'http://control', now_ms);
    return { monitors, deliver: () => outbox.deliverDue(watch.routes) };
  };
  const { monitors, deliver } = open();
  const app = createApp({ client: rig.client, database: DATABASE, log, now_ms, monitors });
  const call = async (path: string, body?: object): Promise<{ status: number; body: unknown }> => {
    const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
    const response = await app.request(path, init);
    return { status: response.status, body: await response.json() };
  };
  return { clock, monitors, deliver, open, call };
}

const monitor = (name: string, spec: string, labels = '') =>
  `apiVersion: tidegate/v1\nkind: Monitor\nmetadata: { name: ${name}, labels: {${labels}} }\nspec: { model: binary, every: 1m, window: 1h, min_samples: 10, ${spec} }\n`;
const route = (name: string, url: string, more = '') =>
  `apiVersion: tidegate/v1\nkind: AlertRoute\nmetadata: { name: ${name} }\nspec: { group_wait: 5s, webhook: { url: "${url}"${more} } }\n`;

const StandingSchema = z.object({
  items: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      verdict: z.string().optional(),
      value: z.number().nullable().optional(),
      acknowledged_by: z.string().optional(),
      evidence: z.record(z.string(), z.unknown()).optional(),
    }),
  ),
});

test('what is watched is read from the log, with its evidence; what cannot be evaluated says why', async (t) => {
  const rig = await LabelRig.open(t);
  const rows = Array.from({ length: 200 }, (_, i) => ({
    request_id: `r${i}`,
    ts_ms: START_MS + i,
    score: (i + 0.5) / 200,
  }));
  await rig.log(rows);
  await rig.send(rows.map(({ request_id, score }) => ({ request_id, label: score >= 0.5 })));
  await rig.join();
  const { monitors, call } = await watched(t, rig, {
    'all.yaml': [
      monitor('auroc', 'watch: { performance: auroc }, rule: { below: 0.8 }'),
      monitor('estimate', 'watch: { estimated: accuracy }, rule: { below: 0.8 }'),
      monitor('rate', 'watch: { throughput: true }, rule: { below: 1 }'),
      monitor('errors', 'watch: { errors: true }, rule: { above: 0.1 }'),
      monitor('slow', 'watch: { latency_ms: 0.99 }, rule: { above: 100 }'),
      monitor('wrong-metric', 'watch: { performance: aurok }, rule: { below: 0.8 }'),
      monitor('no-reference', 'watch: { drift: {} }, rule: { above: 0.1 }'),
    ].join('---\n'),
  });
  assert.equal(await monitors.evaluateDue(), 7);
  assert.equal(await monitors.evaluateDue(), 0, 'each slot once');
  const { items } = StandingSchema.parse((await call('/v1/monitors')).body);
  const seen = Object.fromEntries(items.map(({ name, verdict, value }) => [name, [verdict, value]]));
  assert.deepEqual(seen['auroc'], ['good', 1]);
  assert.equal(seen['estimate'][0], 'bad', 'a score of a half is right half the time');
  assert.deepEqual(seen['rate'], ['bad', 200 / 3600]);
  assert.deepEqual(
    [seen['errors'], seen['slow']],
    [
      ['good', 0],
      ['good', 0],
    ],
  );
  const evidence = (name: string) => JSON.stringify(items.find((item) => item.name === name)?.evidence);
  assert.match(evidence('wrong-metric'), /'aurok' is no metric of binary models: did you mean 'auroc'/);
  assert.match(evidence('no-reference'), /has no reference yet/);
  assert.match(evidence('auroc'), /\/v1\/models\/binary\/performance\?from=/);
  assert.match(evidence('errors'), /SELECT countIf/);
});

function assertTold({ headers, body }: Received): void {
  const [, seconds, signed] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['tidegate-signature'])) ?? [];
  assert.equal(signed, createHmac('sha256', SECRET).update(`${seconds}.${body}`).digest('hex'));
  const told = z
    .object({
      v: z.literal(1),
      route: z.string(),
      alerts: z.array(
        z.object({
          monitor: z.string(),
          change: z.string(),
          labels: z.record(z.string(), z.string()),
          summary: z.string(),
          url: z.string(),
        }),
      ),
    })
    .parse(JSON.parse(body));
  assert.equal(told.route, 'ops');
  assert.deepEqual(told.alerts[0].labels, { team: 'ops' });
  assert.equal(told.alerts[0].url, 'http://control/v1/monitors/rate');
  assert.match(told.alerts[0].summary, /^rate \(binary\) fires: 0\.0002778 of/);
}

test('an alert is told once, signed, tried again when it is not taken, and resolved; two control planes tell it once', async (t) => {
  const rig = await LabelRig.open(t);
  const hook = await receiver(t);
  const { clock, monitors, deliver, open, call } = await watched(t, rig, {
    'monitors.yaml': monitor(
      'rate',
      'watch: { throughput: true }, rule: { below: 1, clear: 2 }, severity: critical',
      'team: ops',
    ),
    'routes.yaml': route('ops', hook.url, `, secret: ${SECRET}`),
  });
  const other = open();
  await rig.log([{ request_id: 'a', score: 0.5 }]);
  await Promise.all([monitors.evaluateDue(), other.monitors.evaluateDue()]);
  hook.answer(503);
  await deliver();
  assert.equal(hook.received.length, 0, 'others that fire at once are waited for');
  clock.now_ms += 6000;
  await Promise.all([deliver(), other.deliver()]);
  assert.equal(hook.received.length, 1);
  await deliver();
  assert.equal(hook.received.length, 1, 'not before its time');
  hook.answer(200);
  clock.now_ms += 10_000;
  await Promise.all([deliver(), other.deliver()]);
  assert.equal(hook.received.length, 2);
  assertTold(hook.received[1]);
  assert.equal((await call('/v1/monitors/rate/acknowledge', { by: 'eve' })).status, 200);
  assert.equal(StandingSchema.parse((await call('/v1/monitors')).body).items[0].acknowledged_by, 'eve');
  // Two rows a second, and a minute later.
  await rig.log(Array.from({ length: 8000 }, (_, i) => ({ request_id: `b${i}`, ts_ms: END_MS - i * 100 })));
  clock.now_ms += 60_000;
  await monitors.evaluateDue();
  clock.now_ms += 10_000;
  await deliver();
  assert.match(hook.received[2].body, /rate \(binary\) is resolved/);
  const detail = z
    .object({ deliveries: z.array(z.object({ outcome: z.string(), attempt: z.number(), detail: z.string() })) })
    .parse((await call('/v1/monitors/rate')).body);
  assert.deepEqual(detail.deliveries.map(({ outcome, attempt }) => [outcome, attempt]).sort(), [
    ['failed', 1],
    ['sent', 1],
    ['sent', 2],
  ]);
  assert.match(detail.deliveries.find(({ outcome }) => outcome === 'failed')?.detail ?? '', /^503: as told/);
});

test('who is silenced is not told, and what is nonsense is refused', async (t) => {
  const rig = await LabelRig.open(t);
  const hook = await receiver(t);
  const { clock, monitors, deliver, call } = await watched(t, rig, {
    'monitors.yaml': monitor('rate', 'watch: { throughput: true }, rule: { below: 1 }'),
    'routes.yaml': route('ops', hook.url),
  });
  await rig.log([{ request_id: 'a', score: 0.5 }]);
  const silenced = await call('/v1/monitors/rate/silence', { by: 'eve', until: '2h' });
  assert.deepEqual(silenced.body, { until: new Date(END_MS + 2 * HOUR_MS).toISOString() });
  await monitors.evaluateDue();
  clock.now_ms += 60_000;
  await deliver();
  assert.equal(hook.received.length, 0);
  const problems: readonly [path: string, body: object, status: number, pattern: RegExp][] = [
    ['/v1/monitors/rat/silence', { by: 'eve', until: '2h' }, 404, /did you mean 'rate'/],
    ['/v1/monitors/rate/silence', { by: 'eve', until: 'soon' }, 400, /'until' is "soon"/],
    ['/v1/monitors/rate/acknowledge', {}, 400, /'by' is missing/],
  ];
  for (const [path, body, status, pattern] of problems) {
    const answer = await call(path, body);
    assert.equal(answer.status, status, path);
    assert.match(z.object({ detail: z.string() }).parse(answer.body).detail, pattern);
  }
  await call('/v1/monitors/rate/unsilence', { by: 'eve' });
  const { history } = z
    .object({ history: z.array(z.object({ change: z.string(), is_muted: z.boolean() })) })
    .parse((await call(`/v1/alerts?from=${new Date(START_MS).toISOString()}`)).body);
  assert.deepEqual(history, [{ change: 'fired', is_muted: true }]);
});

test('a file with a mistake is refused as a whole, by its name, its member and its value', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'tidegate-monitors-'));
  t.after(() => rm(folder, { recursive: true }));
  const cases: readonly [content: string, pattern: RegExp][] = [
    [
      monitor('a', 'watch: { errors: true }, rule: { above: 1 }').replace('kind: Monitor', 'kind: Moniter'),
      /'kind' is 'Moniter': Monitor/,
    ],
    [monitor('a', 'watch: { errors: true }, rule: { abov: 1 }'), /'spec.rule.abov' is no member/],
    [monitor('a', 'watch: { errors: true, throughput: true }, rule: { above: 1 }'), /exactly one thing to watch/],
    [monitor('a', 'watch: { errors: true }, rule: {}'), /one of 'above' and 'below'/],
    [monitor('a', 'watch: { errors: true }, rule: { above: 1, clear: 2 }'), /good side/],
    [monitor('a', 'watch: { errors: true }, rule: { above: 1 }, cool_down: 5x'), /spec.cool_down/],
    [monitor('A b', 'watch: { errors: true }, rule: { above: 1 }'), /metadata.name/],
    [
      `${monitor('a', 'watch: { errors: true }, rule: { above: 1 }')}---\n${monitor('a', 'watch: { errors: true }, rule: { above: 1 }')}`,
      /two of kind Monitor with the name 'a'/,
    ],
    [route('r', 'ftp://x'), /spec.webhook.url/],
    [route('r', 'http://x', ', secret: "env:NO_SUCH_SECRET"'), /variable NO_SUCH_SECRET/],
    ['a: [', /flow/i],
  ];
  for (const [content, pattern] of cases) {
    await writeFile(join(folder, 'file.yaml'), content);
    await assert.rejects(readWatch(folder), { code: 'INVALID_CONFIG', message: pattern });
  }
  await assert.rejects(readWatch(join(folder, 'none')), /folder of monitors cannot be read/);
});
