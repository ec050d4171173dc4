import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Session } from 'chdb';
import fc from 'fast-check';
import { NativeBlock } from '../../clickhouse/native/block.js';
import type { Column } from '../../clickhouse/native/column.js';
import { ArrayColumn, MapColumn } from '../../clickhouse/native/nested-columns.js';
import {
  Float32Column,
  Float64Column,
  UInt8Column,
  UInt16Column,
  UInt32Column,
  WholeColumn,
} from '../../clickhouse/native/number-columns.js';
import { StringColumn } from '../../clickhouse/native/string-column.js';

// The engine itself reads what was encoded: into a table with the types that the log has, and out again as JSON.
const folder = await mkdtemp(join(tmpdir(), 'tidegate-native-'));
const session = new Session(join(folder, 'store'));
after(async () => {
  session.close();
  await rm(folder, { recursive: true });
});

interface Row {
  readonly small: number;
  readonly short: number;
  readonly int: number;
  readonly whole: number;
  readonly moment: number;
  readonly single: number;
  readonly double: number;
  readonly text: string;
  readonly name: string;
  readonly doubles: readonly number[];
  readonly texts: readonly string[];
  readonly pairs: readonly (readonly [string, string])[];
}

const double = fc.double({ noDefaultInfinity: false });
const text = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 20 }), fc.string({ minLength: 120, maxLength: 400 }));
const row: fc.Arbitrary<Row> = fc.record({
  small: fc.nat(0xff),
  short: fc.nat(0xffff),
  int: fc.nat(0xffffffff),
  whole: fc.maxSafeNat(),
  moment: fc.nat(2_000_000_000_000_000),
  single: double.map(Math.fround),
  double,
  text,
  name: fc.constantFrom('', 'edge-1', 'Zürich'),
  doubles: fc.array(double, { maxLength: 40 }),
  texts: fc.array(text, { maxLength: 4 }),
  pairs: fc.uniqueArray(fc.tuple(fc.string({ minLength: 1 }), text), { maxLength: 3, selector: ([key]) => key }),
});

function columns() {
  return {
    small: new UInt8Column(),
    short: new UInt16Column(),
    int: new UInt32Column(),
    whole: new WholeColumn('UInt64'),
    moment: new WholeColumn("DateTime64(6, 'UTC')"),
    single: new Float32Column(),
    double: new Float64Column(),
    text: new StringColumn(),
    name: new StringColumn(),
    doubles: new ArrayColumn(new Float64Column()),
    texts: new ArrayColumn(new StringColumn()),
    pairs: new MapColumn(),
  } satisfies Record<keyof Row, Column>;
}

const made = columns();
const block = new NativeBlock(Object.entries(made));
const TABLE = `CREATE TABLE t (small UInt8, short UInt16, int UInt32, whole UInt64, moment DateTime64(6, 'UTC'), single Float32,
  double Float64, text String, name LowCardinality(String), doubles Array(Float64), texts Array(LowCardinality(String)),
  pairs Map(LowCardinality(String), String)) ENGINE = MergeTree ORDER BY tuple()`;
const SELECT = `SELECT small, short, int, whole, toUnixTimestamp64Micro(moment) AS moment, reinterpretAsUInt32(single) AS single,
  reinterpretAsUInt64(double) AS double, text, name, arrayMap(x -> reinterpretAsUInt64(x), doubles) AS doubles, texts,
  mapKeys(pairs) AS keys, mapValues(pairs) AS values FROM t FORMAT JSONEachRow
  SETTINGS output_format_json_quote_64bit_integers = 1, max_threads = 1`;

function fill(rows: readonly Row[]): void {
  block.clear();
  for (const each of rows) {
    made.small.push(each.small);
    made.short.push(each.short);
    made.int.push(each.int);
    made.whole.push(each.whole);
    made.moment.push(each.moment);
    made.single.push(each.single);
    made.double.push(each.double);
    made.text.push(each.text);
    const bytes = Buffer.from(each.name);
    made.name.pushBytes(bytes, 0, bytes.length);
    for (const value of each.doubles) made.doubles.items.push(value);
    made.doubles.end();
    for (const value of each.texts) made.texts.items.push(value);
    made.texts.end();
    for (const [key, value] of each.pairs) {
      made.pairs.keys.push(key);
      made.pairs.values.push(value);
    }
    made.pairs.end();
  }
}

const bits = (value: number) => new BigUint64Array(Float64Array.of(value).buffer)[0].toString();

/** What the engine says about a row. NaNs are compared as one: JavaScript does not keep the bits of others. */
function said(each: Row) {
  return {
    small: each.small,
    short: each.short,
    int: each.int,
    whole: String(each.whole),
    moment: String(each.moment),
    single: new Uint32Array(Float32Array.of(each.single).buffer)[0],
    double: bits(each.double),
    text: each.text,
    name: each.name,
    doubles: each.doubles.map(bits),
    texts: each.texts,
    keys: each.pairs.map(([key]) => key),
    values: each.pairs.map(([, value]) => value),
  };
}

test('what is encoded is what the engine reads, for every type, block after block in the same memory', async () => {
  await session.queryAsync('CREATE DATABASE d');
  await session.queryAsync('USE d');
  await session.queryAsync(TABLE);
  const file = join(folder, 'block.native');
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 60 }), async (rows) => {
      fill(rows);
      await writeFile(file, Buffer.concat(block.encode()));
      await session.queryAsync('TRUNCATE TABLE t');
      await session.queryAsync(`INSERT INTO t SELECT * FROM file('${file}', Native)`);
      const answer = (await session.queryAsync(SELECT, { format: 'JSONEachRow' })).text();
      const found: unknown[] = answer
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      assert.deepEqual(found, rows.map(said));
    }),
    { numRuns: 40 },
  );
});

test('texts of a column are repeated as they were, also over the edge of its memory', () => {
  const column = new StringColumn();
  column.push('abc');
  column.repeat(1000);
  column.push('d');
  column.repeat(0);
  const pieces: Uint8Array[] = [];
  column.collect(pieces);
  assert.equal(column.length, 1002);
  assert.equal(Buffer.concat(pieces).toString('latin1'), `${'\x03abc'.repeat(1001)}\x01d`);
  column.clear();
  column.repeat(2);
  assert.equal(column.bytes, 2);
});

test('a block whose columns differ in length is not sent', () => {
  const [a, b] = [new UInt8Column(), new UInt8Column()];
  a.push(1);
  assert.throws(
    () =>
      new NativeBlock([
        ['a', a],
        ['b', b],
      ]).encode(),
    /column b has 0 values in a block of 1 rows/,
  );
});
