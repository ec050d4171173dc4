import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { SMTPServer } from 'smtp-server';
import { z } from 'zod';
import { AlertRouteFileSchema, MonitorSpecSchema } from '../../../contract/monitor.js';
import { FRESH } from '../../../control-plane/monitor/alert-machine.js';
import type { LedgerEntry } from '../../../control-plane/monitor/monitor-ledger.js';
import { isFor, MOST_ATTEMPTS, nextAttempt, retry_ms } from '../../../control-plane/notify/due.js';
import { sendEmail } from '../../../control-plane/notify/email.js';
import { payloadOf } from '../../../control-plane/notify/payload.js';

const AT_MS = Date.parse('2026-01-31T12:00:00Z');
const ENTRY: LedgerEntry = {
  monitor: 'ranking',
  n: 7,
  claim: '',
  kind: 'evaluated',
  at_ms: AT_MS,
  slot_ms: AT_MS,
  verdict: 'bad',
  value: 0.123456,
  samples: 500,
  change: 'fired',
  alert: 1,
  is_muted: false,
  model: 'fraud',
  severity: 'warning',
  labels: { team: 'risk' },
  evidence: '{"path":"/v1/models/fraud/performance"}',
  actor: '',
  state: { ...FRESH, status: 'firing', since_ms: AT_MS },
};
const RESOLVED: LedgerEntry = {
  ...ENTRY,
  n: 9,
  change: 'resolved',
  value: null,
  verdict: 'good',
  severity: 'critical',
};

const route = (spec: object) =>
  AlertRouteFileSchema.parse({ apiVersion: 'tidegate/v1', kind: 'AlertRoute', metadata: { name: 'r' }, spec });
const hooked = (more: object = {}) => route({ webhook: { url: 'http://127.0.0.1/' }, ...more });

test('a route hears of its severity and above, of its models, and of monitors with its labels', () => {
  assert.equal(isFor(hooked(), ENTRY), true);
  assert.equal(isFor(hooked({ severity: 'critical' }), ENTRY), false);
  assert.equal(isFor(hooked({ severity: 'warning', models: ['fraud'], labels: { team: 'risk' } }), ENTRY), true);
  assert.equal(isFor(hooked({ models: ['flights'] }), ENTRY), false);
  assert.equal(isFor(hooked({ labels: { team: 'ops' } }), ENTRY), false);
});

test('attempts follow each other with growing distance; sent and dead news is not told again, an abandoned attempt is', () => {
  const { spec } = hooked({ group_wait: '5s' });
  const at = (last: Parameters<typeof nextAttempt>[1], now_ms: number) => nextAttempt({ at_ms: 0 }, last, spec, now_ms);
  assert.deepEqual([at(undefined, 4999), at(undefined, 5000)], [undefined, 1]);
  const failed = { attempt: 2, outcome: 'failed', at_ms: 0 } as const;
  assert.deepEqual([at(failed, 9999), at(failed, 10_000)], [undefined, 3]);
  assert.deepEqual(
    [at({ ...failed, outcome: 'started' }, 60_000), at({ ...failed, outcome: 'started' }, 70_000)],
    [undefined, 3],
  );
  for (const outcome of ['sent', 'dead'] as const) assert.equal(at({ ...failed, outcome }, 10 ** 9), undefined);
  assert.deepEqual([retry_ms(1), retry_ms(MOST_ATTEMPTS), retry_ms(30)], [5000, 640_000, 3_600_000]);
});

test('Slack and Alertmanager get what they know', () => {
  const url = 'http://control';
  const slack = z
    .object({
      text: z.string(),
      attachments: z.array(z.object({ color: z.string(), title: z.string(), title_link: z.url(), ts: z.int() })),
    })
    .parse(
      payloadOf(
        'r',
        route({ webhook: { url, format: 'slack' } }).spec.webhook ?? assert.fail(),
        [ENTRY, RESOLVED],
        url,
      ),
    );
  assert.equal(slack.text, 'ranking (fraud) fires: 0.1235 of 500 rows\nranking (fraud) is resolved: no value (good)');
  assert.notEqual(slack.attachments[0].color, slack.attachments[1].color);
  const found = payloadOf(
    'r',
    route({ webhook: { url, format: 'alertmanager' } }).spec.webhook ?? assert.fail(),
    [ENTRY, RESOLVED],
    url,
  );
  // The members of Alertmanager's webhook payload, version 4, as its documentation lists them.
  const { version, status, commonLabels, alerts } = z
    .strictObject({
      version: z.literal('4'),
      groupKey: z.string(),
      truncatedAlerts: z.int(),
      status: z.enum(['firing', 'resolved']),
      receiver: z.string(),
      groupLabels: z.record(z.string(), z.string()),
      commonLabels: z.record(z.string(), z.string()),
      commonAnnotations: z.record(z.string(), z.string()),
      externalURL: z.url(),
      alerts: z.array(
        z.strictObject({
          status: z.enum(['firing', 'resolved']),
          labels: z.record(z.string(), z.string()),
          annotations: z.record(z.string(), z.string()),
          startsAt: z.iso.datetime(),
          endsAt: z.iso.datetime(),
          generatorURL: z.url(),
          fingerprint: z.string().regex(/^[0-9a-f]{16}$/),
        }),
      ),
    })
    .parse(found);
  assert.deepEqual([version, status], ['4', 'firing']);
  assert.deepEqual(commonLabels, { alertname: 'ranking', model: 'fraud', team: 'risk' });
  assert.equal(alerts[0].fingerprint, alerts[1].fingerprint, 'one alert, from its beginning to its end');
});

/** A real SMTP server that takes mail of one user, and refuses one receiver. */
async function mailServer(t: TestContext): Promise<{ port: number; mails: string[] }> {
  const mails: string[] = [];
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS'],
    allowInsecureAuth: true,
    onAuth: ({ username, password }, _session, done) => {
      if (username === 'tidegate' && password === 'secret') done(null, { user: username });
      else done(new Error('who is that'));
    },
    onRcptTo: ({ address }, _session, done) => done(address.startsWith('nobody') ? new Error('no such person') : null),
    onData: (stream, _session, done) => {
      text(stream).then((mail) => {
        mails.push(mail);
        done(null);
      }, done);
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => new Promise<void>((resolve) => server.close(() => resolve())));
  const address = server.server.address();
  assert.ok(address !== null && typeof address === 'object');
  return { port: address.port, mails };
}

test('a mail tells what happened; one that the server does not take wholly has not been sent, and says why', async (t) => {
  const { port, mails } = await mailServer(t);
  const email = (more: object = {}, to = ['on-call@example.com']) =>
    route({
      email: {
        to,
        from: 'tidegate@example.com',
        smtp: { host: '127.0.0.1', port, encryption: 'none', user: 'tidegate', password: 'secret', ...more },
      },
    }).spec.email ?? assert.fail();
  const how = { delivery: 'r:2:ranking:7', control_url: 'http://control' };
  const sent = await sendEmail(email(), [ENTRY, RESOLVED], how);
  assert.equal(sent.ok, true, sent.detail);
  assert.match(mails[0], /^Subject: \[warning\] ranking fires, and 1 more/m);
  assert.match(mails[0], /^x-tidegate-delivery: r:2:ranking:7/im);
  assert.match(mails[0], /http:\/\/control\/v1\/monitors\/ranking/);
  const refused = await sendEmail(email({}, ['on-call@example.com', 'nobody@example.com']), [ENTRY], how);
  assert.deepEqual([refused.ok, /nobody@example.com/.test(refused.detail)], [false, true]);
  assert.match((await sendEmail(email({ password: 'wrong' }), [ENTRY], how)).detail, /who is that/);
  assert.match((await sendEmail(email({ encryption: 'starttls' }), [ENTRY], how)).detail, /STARTTLS/i);
  assert.equal((await sendEmail(email({ port: 9 }), [ENTRY], how)).ok, false);
});

test('a route tells by one way, and spans are spans', () => {
  assert.throws(() => route({}), /one of 'webhook' and 'email'/);
  assert.throws(() => hooked({ group_wait: 'soon' }), /give a span/);
  const { every } = MonitorSpecSchema.parse({ model: 'm', watch: { errors: true }, rule: { above: 1 }, every: '90s' });
  assert.equal(every, 90_000);
});
