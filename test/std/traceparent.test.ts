import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTraceparent } from '../../std/traceparent.js';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';

test('a header of version 00 is read', () => {
  assert.deepEqual(parseTraceparent(`00-${TRACE}-${SPAN}-01`), { trace_id: TRACE, span_id: SPAN, sampled: true });
  assert.equal(parseTraceparent(`00-${TRACE}-${SPAN}-00`)?.sampled, false);
});

test('a later version may carry more, version 00 may not', () => {
  assert.equal(parseTraceparent(`01-${TRACE}-${SPAN}-01-extra`)?.trace_id, TRACE);
  assert.equal(parseTraceparent(`00-${TRACE}-${SPAN}-01-extra`), undefined);
});

for (const header of [
  '',
  'nonsense',
  `ff-${TRACE}-${SPAN}-01`,
  `00-${TRACE.toUpperCase()}-${SPAN}-01`,
  `00-${'0'.repeat(32)}-${SPAN}-01`,
  `00-${TRACE}-${'0'.repeat(16)}-01`,
  `00-${TRACE}-${SPAN}`,
  `00-${TRACE.slice(1)}-${SPAN}-01`,
]) {
  test(`'${header}' is no trace context`, () => assert.equal(parseTraceparent(header), undefined));
}
