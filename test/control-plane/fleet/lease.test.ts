import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  candidate,
  LEASE_TIMES,
  type LeaseEffect,
  type LeaseEvent,
  type LeaseState,
  leadsUntil,
  leaseStep,
} from '../../../control-plane/fleet/lease.js';

class Candidate {
  state: LeaseState;
  constructor(name: string) {
    this.state = candidate(name, 0);
  }
  tell(event: LeaseEvent, now_ms: number): readonly LeaseEffect[] {
    const { state, effects } = leaseStep(this.state, event, now_ms);
    this.state = state;
    return effects;
  }
}

/** `a` has led since 0 in term 1, and `b` has just seen it. */
function led(): { readonly a: Candidate; readonly b: Candidate } {
  const [a, b] = [new Candidate('a'), new Candidate('b')];
  const [write] = a.tell({ type: 'observed', revision: 0, record: undefined }, 0);
  assert.deepEqual(write.record, { holder: 'a', term: 1 });
  a.tell({ type: 'written', op: write.op, revision: 1 }, 20);
  assert.deepEqual(b.tell({ type: 'observed', revision: 1, record: write.record }, 0), []);
  return { a, b };
}

test('nobody writes before having looked, and a key that nobody holds is taken at once', () => {
  const a = new Candidate('a');
  assert.deepEqual(a.tell({ type: 'tick' }, 60_000), []);
  assert.equal(a.tell({ type: 'observed', revision: 0, record: undefined }, 60_000).length, 1);
});

test('a lease counts from the question: it ends before anybody else may take it', () => {
  const { a, b } = led();
  assert.deepEqual(leadsUntil(a.state, LEASE_TIMES.lasts_ms - 1), { term: 1 });
  assert.equal(leadsUntil(a.state, LEASE_TIMES.lasts_ms), undefined);
  assert.deepEqual(b.tell({ type: 'tick' }, LEASE_TIMES.lasts_ms + LEASE_TIMES.margin_ms - 1), []);
});

test('another takes over from a leader that is gone, with a larger term, well within ten seconds', () => {
  const { b } = led();
  const [write] = b.tell({ type: 'tick' }, LEASE_TIMES.lasts_ms + LEASE_TIMES.margin_ms);
  assert.deepEqual(write.record, { holder: 'b', term: 2 });
  assert.equal(write.over, 1);
  assert.ok(LEASE_TIMES.lasts_ms + LEASE_TIMES.margin_ms + 2_000 < 10_000);
});

test('a holder renews in its own term; each renewal makes others wait anew; a refusal is no lease', () => {
  const { a, b } = led();
  const [renewal] = a.tell({ type: 'tick' }, LEASE_TIMES.renew_ms);
  assert.deepEqual([renewal.record.term, renewal.over], [1, 1]);
  a.tell({ type: 'written', op: renewal.op, revision: 2 }, LEASE_TIMES.renew_ms + 5);
  b.tell({ type: 'observed', revision: 2, record: renewal.record }, LEASE_TIMES.renew_ms + 9);
  assert.deepEqual(b.tell({ type: 'tick' }, LEASE_TIMES.lasts_ms + LEASE_TIMES.margin_ms), []);
  const [take] = b.tell({ type: 'tick' }, 20_000);
  b.tell({ type: 'refused', op: take.op }, 20_010);
  assert.equal(leadsUntil(b.state, 20_011), undefined);
});

test('a holder that sees somebody else in the key leads no more, whatever its clock says', () => {
  const { a } = led();
  a.tell({ type: 'observed', revision: 2, record: { holder: 'b', term: 2 } }, 100);
  assert.equal(leadsUntil(a.state, 101), undefined);
});

test('a key that was deleted does not bring terms back', () => {
  const { b } = led();
  const [write] = b.tell({ type: 'observed', revision: 9, record: undefined }, 100);
  assert.equal(write.record.term, 10);
});
