import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { TidegateError } from '../../../contract/error.js';
import { actorOf, LOCAL_CALLER, mayAct, ROLES } from '../../../control-plane/access/role.js';
import { checkToken, makeToken, type NewToken, readToken } from '../../../control-plane/access/token.js';
import { TokenJournal } from '../../../control-plane/access/token-journal.js';

const NOW = Date.parse('2026-03-01T12:00:00Z');
const HOUR_MS = 3_600_000;

function made(change: Partial<NewToken> = {}) {
  const base: NewToken = {
    name: 'ci',
    role: 'operator',
    environments: [],
    created_by: 'ada',
    expires_ms: NOW + HOUR_MS,
    now_ms: NOW,
  };
  const { record, text } = makeToken({ ...base, ...change });
  return { record, text, secret: readToken(text)?.secret ?? assert.fail('a made token can be read') };
}

function refusal(code: string, pattern: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof TidegateError);
    assert.equal(error.code, code);
    assert.match(error.message, pattern);
    return true;
  };
}

test('a token is tg_<id>_<secret>, the secret has 256 bits and is kept nowhere', () => {
  const { record, text, secret } = made();
  assert.match(text, new RegExp(`^tg_${record.id}_`));
  assert.equal(Buffer.from(secret, 'base64url').length, 32);
  assert.ok(!JSON.stringify(record).includes(secret));
  for (const wrong of ['', 'tg_', text.slice(0, -1), `${text}a`, text.toUpperCase(), ` ${text}`])
    assert.equal(readToken(wrong), undefined, wrong);
});

test('only the right secret opens, and a stranger is not told whether the id is known', () => {
  const { record, secret } = made();
  const at = { environment: 'prod', now_ms: NOW };
  assert.equal(checkToken(record, secret, at), record);
  const other = made().secret;
  const unknown = refusal('UNAUTHENTICATED', /not known here/);
  assert.throws(() => checkToken(record, other, at), unknown);
  assert.throws(() => checkToken(undefined, secret, at), unknown);
  assert.throws(() => checkToken({ ...record, revoked_at: record.created_at }, other, at), unknown);
});

test('an expired token is told both times, and one from the future that a clock is off', () => {
  const { record, secret } = made();
  assert.throws(
    () => checkToken(record, secret, { environment: 'prod', now_ms: NOW + HOUR_MS }),
    refusal('UNAUTHENTICATED', /expired at 2026-03-01T13:00:00.000Z, and the clock .* says 2026-03-01T13:00:00.000Z/),
  );
  assert.throws(
    () => checkToken(record, secret, { environment: 'prod', now_ms: NOW - HOUR_MS }),
    refusal('UNAUTHENTICATED', /made at 2026-03-01T12:00:00.000Z.*says 2026-03-01T11:00:00.000Z.*clocks is off/),
  );
  checkToken(record, secret, { environment: 'prod', now_ms: NOW - 60_000 });
});

test('a revoked token and one of another environment are refused with what to do', () => {
  const { record, secret } = made({ environments: ['dev', 'staging'] });
  const at = { environment: 'prod', now_ms: NOW };
  assert.throws(() => checkToken(record, secret, at), refusal('FORBIDDEN', /is for dev, staging.* is of prod/));
  checkToken(record, secret, { ...at, environment: 'dev' });
  const revoked = { ...record, revoked_at: '2026-03-01T12:00:00.000Z' };
  assert.throws(
    () => checkToken(revoked, secret, { ...at, environment: 'dev' }),
    refusal('UNAUTHENTICATED', /revoked/),
  );
});

test('who may what: each role all that the lower ones may, a node only what names it', () => {
  const table = ROLES.map((role) => (['anyone', ...ROLES] as const).filter((needed) => mayAct(role, needed)).join(' '));
  assert.deepEqual(table, [
    'anyone viewer',
    'anyone viewer operator',
    'anyone viewer operator admin node',
    'anyone node',
  ]);
});

test('nobody with a token acts in the name of another; without one the caller says who it is', () => {
  assert.equal(actorOf({ token: '0123456789ab', name: 'ci', role: 'operator' }, 'ada'), 'ci');
  assert.equal(actorOf(LOCAL_CALLER, 'ada'), 'ada');
  assert.equal(actorOf(undefined, 'ada'), 'ada');
});

function journalIn(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'tidegate-tokens-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'tokens.jsonl');
}

test('tokens, revocations and uses are there after a restart, and the file never holds a secret', async (t) => {
  const path = journalIn(t);
  const first = new TokenJournal(path);
  const [kept, gone] = [made(), made({ name: 'old' })];
  await first.add(kept.record);
  await first.add(gone.record);
  await first.revoke(gone.record.id, 'ada', NOW + 1000);
  first.used(kept.record.id, NOW + 2000);
  first.used(kept.record.id, NOW + 3000);
  await first.close();
  const again = new TokenJournal(path);
  t.after(() => again.close());
  const [one, two] = await again.list();
  assert.deepEqual(one, { ...kept.record, last_used_at: '2026-03-01T12:00:02.000Z' });
  assert.equal(two.revoked_at, '2026-03-01T12:00:01.000Z');
  assert.equal(
    (await again.revoke(gone.record.id, 'bob', NOW + 9000)).revoked_by,
    'ada',
    'the first revocation counts',
  );
  await assert.rejects(again.revoke('000000000000', 'ada', NOW), refusal('NOT_FOUND', /no token '000000000000'/));
  const text = readFileSync(path, 'utf8');
  for (const { secret } of [kept, gone]) assert.ok(!text.includes(secret));
});

test('a damaged file of tokens is refused by its line: a revoked token does not come back to life', async (t) => {
  const path = journalIn(t);
  const journal = new TokenJournal(path);
  await journal.add(made().record);
  await journal.close();
  appendFileSync(path, '{"kind":"revoked","v":1\n');
  assert.throws(() => new TokenJournal(path), refusal('INVALID_CONFIG', /line 2 of .*tokens.jsonl/));
});

test('thousands of uses are forgotten at the next start but for the last', async (t) => {
  const path = journalIn(t);
  const journal = new TokenJournal(path);
  const { record } = made({ expires_ms: undefined });
  await journal.add(record);
  for (let minute = 0; minute < 20; minute++) journal.used(record.id, NOW + minute * 60_000);
  await journal.close();
  const again = new TokenJournal(path);
  t.after(() => again.close());
  assert.equal(readFileSync(path, 'utf8').trim().split('\n').length, 2);
  assert.equal((await again.list())[0].last_used_at, '2026-03-01T12:19:00.000Z');
});
