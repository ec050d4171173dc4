import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClickHouseError } from '@clickhouse/client';
import { CLICKHOUSE_DEFAULTS, connect } from '../../clickhouse/connection.js';
import { classifyFailure, type FailureKind } from '../../clickhouse/failure.js';

const CASES: readonly (readonly [code: string, kind: FailureKind])[] = [
  ['159', 'unavailable'],
  ['202', 'unavailable'],
  ['241', 'unavailable'],
  ['242', 'unavailable'],
  ['243', 'unavailable'],
  ['252', 'unavailable'],
  ['319', 'unavailable'],
  ['999', 'unavailable'],
  ['16', 'schema'],
  ['53', 'schema'],
  ['60', 'schema'],
  ['81', 'schema'],
  ['497', 'access'],
  ['516', 'access'],
  ['27', 'data'],
  ['33', 'data'],
  ['117', 'data'],
  ['469', 'data'],
  ['1002', 'unknown'],
];

test("ClickHouse's numbers say what is to be done", () => {
  for (const [code, kind] of CASES) {
    const failure = classifyFailure(new ClickHouseError({ message: 'm', code, type: 'T' }));
    assert.deepEqual([failure.kind, failure.code], [kind, code]);
  }
});

test('a port that nobody listens on is unavailable, with the code of the system', async () => {
  const client = connect({ ...CLICKHOUSE_DEFAULTS, url: 'http://127.0.0.1:1', application: 'tidegate test' });
  const error: unknown = await client.query({ query: 'SELECT 1' }).catch((thrown: unknown) => thrown);
  await client.close();
  const { kind, code } = classifyFailure(error);
  assert.deepEqual([kind, code], ['unavailable', 'ECONNREFUSED']);
});

test('what is no error at all is unknown', () => {
  assert.equal(classifyFailure('boom').kind, 'unknown');
});
