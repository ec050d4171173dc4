import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { createClient } from '@clickhouse/client';
import { startStoreProcess } from '../harness/store-process.js';

// The official client, unchanged, against `tidegate store`.

test('ping, parameters of every kind, settings, and formats', async (t) => {
  const { client } = await startStoreProcess(t);
  assert.deepEqual(await client.ping(), { success: true });
  const answer = await client.query({
    query:
      'SELECT {n: UInt64} AS n, {s: String} AS s, {a: Array(Float64)} AS a, {d: DateTime} AS d, {m: Map(String, UInt8)} AS m',
    query_params: {
      n: '18446744073709551615',
      s: "tab\t'quoted' \\ ü",
      a: [1.5, -2],
      d: '2026-01-02 03:04:05',
      m: { k: 3 },
    },
    format: 'JSONEachRow',
    clickhouse_settings: { output_format_json_quote_64bit_integers: 1 },
  });
  assert.deepEqual(await answer.json(), [
    { n: '18446744073709551615', s: "tab\t'quoted' \\ ü", a: [1.5, -2], d: '2026-01-02 03:04:05', m: { k: 3 } },
  ]);
  const compact = await client.query({
    query: 'SELECT number, toString(number) FROM numbers(3)',
    format: 'JSONCompact',
  });
  const { data, rows } = await compact.json<[string, string]>();
  assert.equal(rows, 3);
  assert.equal(data.length, 3);
  const csv = await client.query({ query: 'SELECT 1 AS a, 2 AS b', format: 'CSVWithNames' });
  assert.equal(await csv.text(), '"a","b"\n1,2\n');
});

test('what one query sets, the next does not have', async (t) => {
  const { client } = await startStoreProcess(t);
  const threads = async (settings: Record<string, number>) => {
    const answer = await client.query({
      query: "SELECT getSetting('max_threads') AS n",
      format: 'JSONEachRow',
      clickhouse_settings: settings,
    });
    const [{ n }] = await answer.json<{ n: number }>();
    return Number(n);
  };
  const before = await threads({});
  assert.equal(await threads({ max_threads: before + 5 }), before + 5);
  assert.equal(await threads({}), before);
  await client.command({
    query:
      'CREATE TABLE once (a UInt8) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 10',
  });
  const insert = (token?: string) =>
    client.insert({
      table: 'once',
      values: [{ a: 1 }],
      format: 'JSONEachRow',
      clickhouse_settings: token === undefined ? {} : { insert_deduplication_token: token },
    });
  await insert('x');
  await insert('x');
  await insert('y');
  const counted = await client.query({ query: 'SELECT toUInt32(count()) AS n FROM once', format: 'JSONEachRow' });
  assert.deepEqual(await counted.json(), [{ n: 2 }]);
});

test('a statement may be as long as max_query_size says', async (t) => {
  const { client } = await startStoreProcess(t);
  const query = `SELECT length('${'x'.repeat(3_000_000)}') AS length`;
  await assert.rejects(client.query({ query }), /a statement may have 1048576 bytes, this one has .* max_query_size/);
  const answer = await client.query({
    query,
    format: 'JSONEachRow',
    clickhouse_settings: { max_query_size: '4000000' },
  });
  assert.deepEqual(await answer.json(), [{ length: 3_000_000 }]);
});

test('a session keeps its temporary tables, and belongs to one request at a time', async (t) => {
  const { client, url } = await startStoreProcess(t);
  const mine = createClient({ url, session_id: 'mine', max_open_connections: 1 });
  t.after(() => mine.close());
  await mine.command({ query: 'CREATE TEMPORARY TABLE basket (a UInt8)' });
  await mine.insert({ table: 'basket', values: [{ a: 7 }], format: 'JSONEachRow' });
  const kept = await mine.query({ query: 'SELECT a FROM basket', format: 'JSONEachRow' });
  assert.deepEqual(await kept.json(), [{ a: 7 }]);
  await assert.rejects(client.query({ query: 'SELECT a FROM basket' }), { code: '60', type: 'UNKNOWN_TABLE' });
  const checked = await fetch(`${url}/?session_id=other&session_check=1`, { method: 'POST', body: 'SELECT 1' });
  assert.equal(checked.status, 404);
  assert.match(await checked.text(), /SESSION_NOT_FOUND/);
  const slow = fetch(`${url}/?session_id=slow`, { method: 'POST', body: 'SELECT sleep(1)' });
  let locked = 200;
  while (locked === 200) {
    const answer = await fetch(`${url}/?session_id=slow`, { method: 'POST', body: 'SELECT 1' });
    locked = answer.status;
    await answer.text();
  }
  assert.equal(locked, 503);
  await slow;
});

test('errors carry the code and the name that ClickHouse gives them', async (t) => {
  const { client, url } = await startStoreProcess(t);
  await assert.rejects(client.query({ query: 'SELEC 1' }), { code: '62', type: 'SYNTAX_ERROR' });
  await assert.rejects(client.query({ query: 'SELECT * FROM missing' }), { code: '60', type: 'UNKNOWN_TABLE' });
  await assert.rejects(client.command({ query: 'CREATE TABLE x.y (a UInt8) ENGINE = Memory' }), { code: '81' });
  await client.command({ query: 'CREATE TABLE numbers_only (a UInt8) ENGINE = MergeTree ORDER BY a' });
  const bad = client.insert({ table: 'numbers_only', values: [{ a: 'text' }], format: 'JSONEachRow' });
  await assert.rejects(bad, { code: '27' });
  const raw = await fetch(url, { method: 'POST', body: 'SELECT * FROM missing' });
  assert.equal(raw.status, 404);
  assert.equal(raw.headers.get('x-clickhouse-exception-code'), '60');
});

test('rows are inserted from a stream, in text and in binary formats, compressed or not', async (t) => {
  const { client, url } = await startStoreProcess(t);
  await client.command({ query: "CREATE TABLE t (a UInt64, b String DEFAULT 'none') ENGINE = MergeTree ORDER BY a" });
  const rows = Readable.from(
    (function* () {
      for (let a = 0; a < 10_000; a++) yield { a, b: `row ${a}` };
    })(),
  );
  await client.insert({ table: 't', values: rows, format: 'JSONEachRow' });
  const squeezed = createClient({ url, compression: { request: true, response: true } });
  t.after(() => squeezed.close());
  await squeezed.insert({
    table: 't',
    values: [[10_000, 'squeezed']],
    columns: ['a', 'b'],
    format: 'JSONCompactEachRow',
  });
  await squeezed.insert({ table: 't', values: [{ a: 10_001 }], format: 'JSONEachRow', columns: ['a'] });
  const native = await fetch(`${url}/`, {
    method: 'POST',
    body: 'SELECT toUInt64(20000 + number) AS a, toString(number) AS b FROM numbers(5) FORMAT Native',
  });
  const block = Buffer.from(await native.arrayBuffer());
  const query = encodeURIComponent('INSERT INTO t (a, b) FORMAT Native');
  const inserted = await fetch(`${url}/?query=${query}`, { method: 'POST', body: block });
  assert.equal(inserted.status, 200, await inserted.text());
  // Statement and binary data in one body.
  const both = await fetch(url, {
    method: 'POST',
    body: Buffer.concat([Buffer.from('INSERT INTO t (a, b) FORMAT Native\n'), block]),
  });
  assert.equal(both.status, 200, await both.text());
  const parquet = await fetch(url, {
    method: 'POST',
    body: 'SELECT toUInt64(30000) AS a, toString(1) AS b FORMAT Parquet',
  });
  const file = Buffer.from(await parquet.arrayBuffer());
  const taken = await fetch(`${url}/?query=${encodeURIComponent('INSERT INTO t FORMAT Parquet')}`, {
    method: 'POST',
    body: file,
  });
  assert.equal(taken.status, 200, await taken.text());
  const counted = await squeezed.query({
    query:
      "SELECT toUInt32(count()) AS n, toUInt32(countIf(b = 'none')) AS defaults, toUInt32(uniqExact(a)) AS distinct FROM t",
    format: 'JSONEachRow',
  });
  assert.deepEqual(await counted.json(), [{ n: 10_013, defaults: 1, distinct: 10_008 }]);
});

test('a large answer comes as a stream and leaves the memory of the store as it was', async (t) => {
  const { client, child } = await startStoreProcess(t);
  const answer = await client.query({
    query: "SELECT number, repeat('x', 100) AS text FROM numbers(3000000)",
    format: 'JSONEachRow',
  });
  let rows = 0;
  for await (const some of answer.stream()) rows += some.length;
  assert.equal(rows, 3_000_000);
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  const peak_kb = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]);
  // The answer has 380 MB; the engine with its code alone has about 250.
  assert.ok(peak_kb < 700_000, `${peak_kb} kB`);
});

test('an error in the middle of an answer breaks it off with its text', async (t) => {
  const { client } = await startStoreProcess(t);
  const answer = await client.query({
    query: 'SELECT throwIf(number = 2000000) AS a FROM numbers(5000000) SETTINGS max_threads = 1',
    format: 'JSONEachRow',
  });
  await assert.rejects(answer.text());
});

test('a reader does not wait for a writer, nor a quick query for slow ones', async (t) => {
  const { client } = await startStoreProcess(t);
  await client.command({ query: 'CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a' });
  const order: string[] = [];
  const slow = [0, 1, 2, 3].map(() => client.command({ query: 'SELECT sleep(2)' }).then(() => order.push('slow')));
  const writing = client
    .command({
      query: 'INSERT INTO t SELECT number + sleepEachRow(0.01) FROM numbers(200) SETTINGS max_block_size = 1',
    })
    .then(() => order.push('write'));
  const reading = client.query({ query: 'SELECT count() FROM t' }).then(async (answer) => {
    await answer.text();
    order.push('read');
  });
  await Promise.all([...slow, writing, reading]);
  assert.equal(order[0], 'read');
});

test('GET changes nothing, no statement names a file of the machine, and a page in a browser gets nothing', async (t) => {
  const { url, client } = await startStoreProcess(t);
  const ask = async (init: RequestInit, query: string) => {
    const answer = await fetch(`${url}/?query=${encodeURIComponent(query)}`, init);
    return `${answer.status} ${await answer.text()}`;
  };
  assert.equal(await ask({}, 'SELECT 1'), '200 1\n');
  assert.match(await ask({}, 'CREATE TABLE t (a UInt8) ENGINE = Memory'), /^403 Code: 164.*READONLY/);
  assert.match(await ask({}, 'INSERT INTO t VALUES (1)'), /^403 Code: 164/);
  const post = { method: 'POST' };
  assert.match(await ask(post, "SELECT 1 INTO OUTFILE 'x'"), /^501 Code: 48.*are for clients/);
  assert.match(await ask(post, "INSERT INTO t FROM INFILE 'x' FORMAT CSV"), /^501 Code: 48/);
  assert.match(await ask({ ...post, headers: { origin: 'https://example.org' } }, 'SELECT 1'), /^403 Code: 497/);
  assert.deepEqual(await client.ping(), { success: true });
});
