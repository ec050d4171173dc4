import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DesiredStateSchema, versionsFor } from '../../contract/desired-state.js';
import { TidegateError } from '../../contract/error.js';
import { isNewer } from '../../contract/node-status.js';
import { readPayload } from '../../contract/payload.js';

const digest = `sha256:${'0'.repeat(64)}`;
const champion = { version: 1, digest, weight: 100, role: 'champion' };

function state(placements: readonly unknown[], more: object = {}): string {
  return JSON.stringify({ v: 1, epoch: 3, placements, ...more });
}
const read = (text: string) => readPayload('desired state of iris', DesiredStateSchema, text);

function refusal(text: string): TidegateError {
  try {
    read(text);
  } catch (thrown) {
    assert.ok(thrown instanceof TidegateError);
    return thrown;
  }
  assert.fail('it was read');
}

test('members that nobody knows are kept, at every depth', () => {
  const text = state([{ versions: [{ ...champion, colour: 'blue' }], wave: 2 }], { note: 'kept' });
  const parsed = read(text);
  assert.equal(parsed['note'], 'kept');
  assert.equal(parsed.placements[0]['wave'], 2);
  assert.equal(parsed.placements[0].versions[0]['colour'], 'blue');
});

test('another v is refused with what to do, and so is what is not JSON, or contradicts itself', () => {
  const newer = refusal(JSON.stringify({ v: 2, epoch: 1, placements: [] }));
  assert.equal(newer.code, 'UNSUPPORTED');
  assert.match(newer.message, /iris has v 2; this program reads v 1/);
  assert.equal(refusal('{"v":1').code, 'INVALID_JSON');
  assert.match(refusal(state([{ versions: [{ ...champion, weight: 0 }] }])).message, /nowhere to go/);
  assert.match(refusal(state([{ versions: [champion, champion] }])).message, /named twice/);
  assert.match(refusal(state([{ versions: [{ ...champion, digest: 'md5:1' }] }])).message, /sha256/);
});

test('the first placement that matches a node counts, and one with replicas only for the nodes that were chosen', () => {
  const parsed = read(
    state([
      { selector: { labels: { ring: 'canary' } }, versions: [{ ...champion, version: 2 }] },
      { selector: { labels: { ring: ['early', 'late'] } }, replicas: 1, assigned: ['b'], versions: [champion] },
    ]),
  );
  const served = (name: string, labels: Record<string, string>) =>
    versionsFor(parsed, { name, labels }).map(({ version }) => version);
  assert.deepEqual(served('a', { ring: 'canary' }), [2]);
  assert.deepEqual(served('b', { ring: 'late', region: 'eu' }), [1]);
  assert.deepEqual(served('c', { ring: 'late' }), []);
  assert.deepEqual(served('d', {}), []);
});

test('a report of a later life is newer than any of an earlier one', () => {
  assert.equal(isNewer({ life: 2, seq: 0 }, { life: 1, seq: 900 }), true);
  assert.equal(isNewer({ life: 2, seq: 4 }, { life: 2, seq: 5 }), false);
});
