import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MonitorSpecSchema } from '../../../contract/monitor.js';
import {
  type AlertChange,
  type AlertEvent,
  type AlertState,
  alertStep,
  FRESH,
} from '../../../control-plane/monitor/alert-machine.js';
import { judgeReading } from '../../../control-plane/monitor/rule.js';

const rules = { for: 2, clear_after: 2, cool_down: 0, no_data: 'keep' } as const;
type Seen = 'good' | 'between' | 'bad' | 'noData' | 'error';

function run(seen: readonly Seen[], own: Partial<Parameters<typeof alertStep>[3]> = {}): (AlertChange | '')[] {
  let state: AlertState = FRESH;
  return seen.map((verdict, i) => {
    const step = alertStep(state, { kind: 'evaluated', verdict }, (i + 1) * 1000, { ...rules, ...own });
    state = step.state;
    return step.change ?? '';
  });
}

test('it fires after so many bad verdicts in a row, and is resolved after so many good ones', () => {
  assert.deepEqual(run(['bad', 'good', 'bad', 'bad', 'bad', 'good', 'bad', 'good', 'good']), [
    '',
    '',
    '',
    'fired',
    '',
    '',
    '',
    '',
    'resolved',
  ]);
});

test('between the limits nothing fires and nothing is resolved', () => {
  assert.deepEqual(run(['bad', 'between', 'bad', 'bad', 'between', 'good', 'between', 'good', 'good']), [
    '',
    '',
    '',
    'fired',
    '',
    '',
    '',
    '',
    'resolved',
  ]);
});

test('no evidence is what the monitor says that it is, and never good by itself', () => {
  assert.deepEqual(run(['bad', 'noData', 'error', 'bad', 'noData', 'noData']), ['', '', '', 'fired', '', '']);
  assert.deepEqual(run(['noData', 'error'], { no_data: 'fire' }), ['', 'fired']);
  assert.deepEqual(run(['bad', 'bad', 'noData', 'noData'], { no_data: 'clear' }), ['', 'fired', '', 'resolved']);
});

test('it does not fire again before the cool-down is over, and does then', () => {
  const seen: Seen[] = ['bad', 'good', 'bad', 'bad', 'bad', 'bad'];
  const own = { for: 1, clear_after: 1, cool_down: 3000 };
  assert.deepEqual(run(seen, own), ['fired', 'resolved', '', '', 'fired', '']);
});

const events: fc.Arbitrary<AlertEvent> = fc.oneof(
  fc
    .constantFrom<Seen>('good', 'between', 'bad', 'noData', 'error')
    .map((verdict) => ({ kind: 'evaluated', verdict }) as const),
  fc.constant({ kind: 'acknowledged', by: 'somebody' } as const),
  fc.nat(1000).map((until_ms) => ({ kind: 'silenced', until_ms, by: 'somebody' }) as const),
  fc.constant({ kind: 'unsilenced', by: 'somebody' } as const),
);

test('whatever happens, alerts fire and are resolved by turns, and only what fires is acknowledged', () => {
  const spec = fc.record({
    for: fc.integer({ min: 1, max: 4 }),
    clear_after: fc.integer({ min: 1, max: 4 }),
    cool_down: fc.nat(5000),
    no_data: fc.constantFrom('keep', 'fire', 'clear'),
  });
  fc.assert(
    fc.property(spec, fc.array(events, { maxLength: 60 }), (own, happened) => {
      let state: AlertState = FRESH;
      const changes: AlertChange[] = [];
      for (const [i, event] of happened.entries()) {
        const step = alertStep(state, event, i * 500, own);
        if (step.change !== undefined) changes.push(step.change);
        assert.equal(step.change === 'fired', step.state.alert === state.alert + 1);
        if (step.state.acknowledged_by !== null) assert.equal(step.state.status, 'firing');
        state = step.state;
        // It survives being written down.
        assert.deepEqual(JSON.parse(JSON.stringify(state)), state);
      }
      assert.deepEqual(
        changes,
        changes.map((_, i) => (i % 2 === 0 ? 'fired' : 'resolved')),
      );
      assert.equal(state.status === 'firing', changes.length % 2 === 1);
    }),
  );
});

test('a rule has a limit, and a second one beyond which it is good again', () => {
  const spec = (rule: object) =>
    MonitorSpecSchema.parse({ model: 'm', watch: { errors: true }, rule, min_samples: 10 });
  const seen = (rule: object, values: readonly number[]) =>
    values.map((value) => judgeReading({ value, samples: 10 }, spec(rule)));
  assert.deepEqual(seen({ above: 5, clear: 3 }, [6, 5, 4, 3, 2]), ['bad', 'bad', 'between', 'good', 'good']);
  assert.deepEqual(seen({ below: 5, clear: 7 }, [4, 5, 6, 7, 8]), ['bad', 'bad', 'between', 'good', 'good']);
  assert.deepEqual(seen({ above: 5 }, [5, 4.9]), ['bad', 'good']);
  assert.equal(judgeReading({ value: 9, samples: 9 }, spec({ above: 5 })), 'noData');
  assert.equal(judgeReading({ value: undefined, samples: 99 }, spec({ above: 5 })), 'noData');
});
