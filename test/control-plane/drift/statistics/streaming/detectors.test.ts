import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { z } from 'zod';
import { Adwin } from '../../../../../control-plane/drift/statistics/streaming/adwin.js';
import { Ddm } from '../../../../../control-plane/drift/statistics/streaming/ddm.js';
import type { Detector } from '../../../../../control-plane/drift/statistics/streaming/detector.js';
import { PageHinkley } from '../../../../../control-plane/drift/statistics/streaming/page-hinkley.js';
import { assertClose, fixture } from '../parity-fixture.js';

const indices = z.array(z.number());
const StreamSchema = z.object({
  name: z.string(),
  values: z.array(z.number()),
  adwin: indices,
  adwin_eager: indices,
  adwin_width: z.number(),
  adwin_mean: z.number(),
  adwin_variance: z.number(),
  page_hinkley_both: indices,
  page_hinkley_up: indices,
  page_hinkley_down: indices,
  page_hinkley_low: indices,
  ddm: indices.optional(),
  ddm_warned: indices.optional(),
});

function found(detector: Detector, values: readonly number[], what: 'drift' | 'warning' = 'drift'): number[] {
  return values.flatMap((value, i) => (detector.update(value)[what] ? [i] : []));
}

for (const stream of fixture('detectors.json', z.array(StreamSchema))) {
  test(`${stream.name}: each detector finds what River's does, at the same value`, () => {
    const { values } = stream;
    const eager = { delta: 0.05, clock: 1, max_buckets: 3, min_window_length: 2, grace_period: 5 };
    assert.deepEqual(found(new Adwin(), values), stream.adwin);
    assert.deepEqual(found(new Adwin(eager), values), stream.adwin_eager);
    assert.deepEqual(found(new PageHinkley(), values), stream.page_hinkley_both);
    assert.deepEqual(found(new PageHinkley({ mode: 'up' }), values), stream.page_hinkley_up);
    assert.deepEqual(found(new PageHinkley({ mode: 'down' }), values), stream.page_hinkley_down);
    const low = { threshold: 12, min_instances: 10, delta: 0.05 };
    assert.deepEqual(found(new PageHinkley(low), values), stream.page_hinkley_low);
    if (stream.ddm === undefined) return;
    assert.deepEqual(found(new Ddm(), values), stream.ddm);
    assert.deepEqual(found(new Ddm(), values, 'warning'), stream.ddm_warned);
  });

  test(`${stream.name}: ADWIN's window is River's`, () => {
    const adwin = new Adwin();
    found(adwin, stream.values);
    assert.equal(adwin.width, stream.adwin_width);
    assertClose(adwin.mean, stream.adwin_mean, 'mean');
    assertClose(adwin.state().squares, stream.adwin_variance, 'sum of squares');
  });
}

test('a detector that goes on from its state as JSON answers as one that never stopped', () => {
  const make: readonly ((state?: unknown) => Detector)[] = [
    (state) => (state === undefined ? new Adwin({ clock: 4 }) : new Adwin(JSON.parse(JSON.stringify(state)))),
    (state) =>
      state === undefined ? new PageHinkley({ threshold: 5 }) : new PageHinkley(JSON.parse(JSON.stringify(state))),
    (state) => (state === undefined ? new Ddm({ warm_start: 4 }) : new Ddm(JSON.parse(JSON.stringify(state)))),
  ];
  const bits = fc.array(fc.constantFrom(0, 0, 1), { maxLength: 300 });
  fc.assert(
    fc.property(bits, fc.nat(300), fc.constantFrom(...make), (values, cut, detector) => {
      const whole = detector();
      const before = detector();
      const expected = values.map((value) => whole.update(value));
      const first = values.slice(0, cut).map((value) => before.update(value));
      const after = detector(before.state());
      assert.deepEqual([...first, ...values.slice(cut).map((value) => after.update(value))], expected);
    }),
  );
});

test('a state of another detector, and values that are no numbers, are refused', () => {
  assert.throws(() => new Adwin(JSON.parse(JSON.stringify(new Ddm().state()))));
  assert.throws(() => new PageHinkley().update(Number.NaN), /finite/);
  assert.throws(() => new Ddm().update(0.5), /0 for none/);
});
