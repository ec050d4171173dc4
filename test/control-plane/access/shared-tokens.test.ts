import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { keyOf } from '../../../bus/declarations.js';
import { merge, SharedTokens } from '../../../control-plane/access/shared-tokens.js';
import { makeToken, type TokenRecord } from '../../../control-plane/access/token.js';
import { TokenJournal } from '../../../control-plane/access/token-journal.js';
import { until } from '../../harness/ask.js';
import { type NatsProcess, startNatsProcess } from '../../harness/nats-process.js';
import { log } from '../api/app-rig.js';

const NOW = Date.parse('2026-03-01T12:00:00Z');

function made(name: string): TokenRecord {
  const wanted = { name, role: 'operator', environments: [], created_by: 'ada' } as const;
  return makeToken({ ...wanted, environments: [], expires_ms: undefined, now_ms: NOW }).record;
}

function replica(t: TestContext): SharedTokens {
  const directory = mkdtempSync(join(tmpdir(), 'tidegate-shared-'));
  const tokens = new SharedTokens(new TokenJournal(join(directory, 'tokens.jsonl')), log);
  t.after(async () => {
    await tokens.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return tokens;
}

async function joined(t: TestContext, nats: NatsProcess): Promise<SharedTokens> {
  const bus = await nats.connect(t);
  const tokens = replica(t);
  tokens.share(bus);
  return tokens;
}

const isRevoked = async (tokens: SharedTokens, id: string) => (await tokens.find(id))?.revoked_at != null;
const knows = async (tokens: SharedTokens, id: string) => (await tokens.find(id)) !== undefined;

test('a token made at one control plane opens at the other, and revoked at the other opens nothing at the first', async (t) => {
  const nats = await startNatsProcess(t);
  const [one, two] = [await joined(t, nats), await joined(t, nats)];
  const token = made('ci');
  await one.add(token);
  await until('the other knows it', () => knows(two, token.id));
  await two.revoke(token.id, 'bob', NOW + 1000);
  await until('it is revoked at the first', () => isRevoked(one, token.id));
  assert.deepEqual((await one.find(token.id))?.revoked_by, 'bob');
});

test('what happens while NATS is away is told when it is back, and a token that is known goes on opening meanwhile', async (t) => {
  const nats = await startNatsProcess(t);
  const [one, two] = [await joined(t, nats), await joined(t, nats)];
  const [old, fresh] = [made('old'), made('fresh')];
  await one.add(old);
  await until('the other knows it', () => knows(two, old.id));
  await nats.kill();
  await two.revoke(old.id, 'bob', NOW + 1000);
  await one.add(fresh);
  assert.equal(await isRevoked(one, old.id), false);
  await nats.restart();
  await until('the revocation is heard', () => isRevoked(one, old.id));
  await until('the new token is known', () => knows(two, fresh.id));
});

test('a control plane that comes later gets all tokens; a forged one under a known id is not taken', async (t) => {
  const nats = await startNatsProcess(t);
  const bus = await nats.connect(t);
  const one = replica(t);
  const token = made('early');
  await one.add(token);
  one.share(bus);
  const late = await joined(t, nats);
  await until('the late one knows it', () => knows(late, token.id));
  const bucket = await bus.bucket('tokens');
  const forged = { ...made('forged'), id: token.id, role: 'admin' as const };
  await bucket.put(keyOf(bus.environment, token.id), JSON.stringify(forged));
  const marker = made('marker');
  await bucket.put(keyOf(bus.environment, marker.id), JSON.stringify(marker));
  for (const tokens of [one, late]) {
    await until('what came behind the forged one is known', () => knows(tokens, marker.id));
    assert.deepEqual((await tokens.find(token.id))?.role, 'operator');
  }
});

test('whatever two places know of a token, merging brings both to the same, and never takes a revocation back', () => {
  const token = made('a');
  const state = fc.constantFrom(undefined, token, {
    ...token,
    revoked_at: '2026-03-01T13:00:00.000Z',
    revoked_by: 'x',
  });
  fc.assert(
    fc.property(state, state, (a, b) => {
      let [here, there] = [a, b];
      const merged = merge(here, there);
      assert.ok(merged !== undefined);
      if (merged.add || merged.revoke) here = there;
      if (merged.tell) there = here;
      assert.deepEqual(here, there);
      const wasRevoked = [a, b].some((each) => each?.revoked_at != null);
      assert.equal(here?.revoked_at != null, wasRevoked);
    }),
  );
  assert.equal(merge(token, { ...token, hash: '0'.repeat(64) }), undefined);
});
