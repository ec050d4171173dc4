import assert from 'node:assert/strict';
import { mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { TidegateError } from '../../../contract/error.js';
import type { FeatureUpdate, TableShape } from '../../../contract/feature-row.js';
import {
  CorruptSnapshot,
  jsonPayload,
  SECTION_END,
  SECTION_ROWS,
  SECTION_TABLE,
  SectionReader,
  writeSection,
} from '../../../feature-cache/snapshot/section.js';
import { loadSnapshot, writeSnapshot } from '../../../feature-cache/snapshot/snapshot.js';
import { type ReadValue, TableReader } from '../../../feature-cache/store/table-reader.js';
import { TableWriter } from '../../../feature-cache/store/table-writer.js';

const SHAPE: TableShape = {
  name: 'carriers',
  fields: [
    { name: 'mean', type: 'float32' },
    { name: 'total', type: 'int64' },
    { name: 'late', type: 'bool' },
    { name: 'hub', type: 'category' },
    { name: 'note', type: 'string' },
    { name: 'embedding', type: 'vector', length: 5 },
  ],
};
const OPTIONS = { budget_bytes: 2 ** 24 };
const NOW_US = 1_000_000;

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidegate-snapshot-'));
});
after(() => rm(folder, { recursive: true }));

function update(n: number, values?: FeatureUpdate['values']): FeatureUpdate {
  const at = {
    key: [`carrier-${n % 1000}`, n % 3],
    event_time_us: n,
    ingest_time_us: n + 1,
    sequence: n,
    source: 'stream',
  } as const;
  return values === undefined ? { ...at, deleted: true } : { ...at, values };
}

/** Whole rows, parts of rows, values taken away and entities deleted, in turn. */
function someUpdate(n: number): FeatureUpdate {
  const whole = {
    mean: n / 3,
    total: BigInt(n) * 2n ** 40n,
    late: n % 2 === 0,
    hub: `hub ${n % 7}`,
    note: 'é'.repeat(n % 11),
  };
  if (n % 17 === 0) return update(n);
  if (n % 5 === 0) return update(n, { note: `only ${n}` });
  if (n % 7 === 0) return update(n, { hub: null, mean: n });
  return update(n, { ...whole, embedding: [n, 0, -n, 1, 2] });
}

function all(reader: TableReader): Record<string, ReadValue>[] {
  return Array.from({ length: 3000 }, (_, n) => reader.read([`carrier-${n % 1000}`, n % 3], NOW_US));
}

test('a table comes back from its snapshot with every value, time, sequence and source, and goes on from there', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 4000 }), async (count) => {
      const path = join(folder, `whole-${count}`);
      const writer = new TableWriter(SHAPE, OPTIONS);
      for (let n = 0; n < count; n++) writer.apply(someUpdate(n), NOW_US);
      const written = await writeSnapshot(writer.handle, path, { 'features.carriers.0': count }, 77);
      const loaded = await loadSnapshot(path, SHAPE, OPTIONS);
      assert.equal(written.rows, writer.stats.entities);
      assert.deepEqual([loaded.rows, loaded.written_at_us], [written.rows, 77]);
      assert.deepEqual(loaded.positions, { 'features.carriers.0': count });
      assert.equal(loaded.writer.stats.entities, writer.stats.entities);
      assert.deepEqual(all(new TableReader(loaded.writer.handle)), all(new TableReader(writer.handle)));
      for (let n = count; n < count + 300; n++) {
        assert.equal(loaded.writer.apply(someUpdate(n), NOW_US), writer.apply(someUpdate(n), NOW_US));
      }
      assert.deepEqual(all(new TableReader(loaded.writer.handle)), all(new TableReader(writer.handle)));
    }),
    { numRuns: 12 },
  );
});

test('a snapshot written while updates go on, and the stream from its position, give the table as it is', async () => {
  const path = join(folder, 'moving');
  const shape: TableShape = { name: 'wide', fields: [...SHAPE.fields, { name: 'wide', type: 'vector', length: 300 }] };
  const writer = new TableWriter(shape, { budget_bytes: 2 ** 26 });
  const wide = new Float32Array(300).fill(1);
  const next = (n: number): FeatureUpdate => (n % 4 === 0 ? update(n, { wide, note: `n ${n}` }) : someUpdate(n));
  const first = 4000;
  for (let n = 0; n < first; n++) writer.apply(next(n), NOW_US);
  let applied = first;
  let done = false;
  const writing = writeSnapshot(writer.handle, path, { stream: first }, 0).finally(() => {
    done = true;
  });
  const updating = (async () => {
    while (!done) {
      for (let i = 0; i < 50; i++) writer.apply(next(applied++), NOW_US);
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  })();
  await Promise.all([writing, updating]);
  assert.ok(applied > first + 50, `updates went on while it was written: ${applied - first}`);
  const loaded = await loadSnapshot(path, shape, { budget_bytes: 2 ** 26 });
  for (let n = loaded.positions['stream']; n < applied; n++) loaded.writer.apply(next(n), NOW_US);
  assert.deepEqual(all(new TableReader(loaded.writer.handle)), all(new TableReader(writer.handle)));
});

async function smallSnapshot(name: string): Promise<string> {
  const path = join(folder, name);
  const writer = new TableWriter(SHAPE, OPTIONS);
  for (let n = 0; n < 6; n++) writer.apply(someUpdate(n), NOW_US);
  await writeSnapshot(writer.handle, path, { s: 6 }, 0);
  return path;
}

test('a snapshot with any byte changed is refused, and the damaged section is named', async () => {
  const path = await smallSnapshot('flipped');
  const bytes = await readFile(path);
  const sections = new Set<number>();
  for (let at = 0; at < bytes.length; at += 3) {
    const damaged = Buffer.from(bytes);
    damaged[at] ^= 1 << (at % 8);
    await writeFile(path, damaged);
    await assert.rejects(loadSnapshot(path, SHAPE, OPTIONS), (error) => {
      assert.ok(error instanceof CorruptSnapshot, `byte ${at}: ${String(error)}`);
      assert.match(error.message, /is damaged: section \d+ .*: rebuild the table from its stream$/);
      assert.equal(error.path, path);
      sections.add(error.section);
      return true;
    });
  }
  assert.deepEqual([...sections], [0, 1, 2, 3], 'the table, its rows, its categories and the end');
});

test('a snapshot that was cut off anywhere, or that goes on after its end, is refused', async () => {
  const path = await smallSnapshot('cut');
  const bytes = await readFile(path);
  for (let length = 0; length < bytes.length; length += 5) {
    await writeFile(path, bytes.subarray(0, length));
    await assert.rejects(loadSnapshot(path, SHAPE, OPTIONS), /is cut off|where the table is told of/);
  }
  await writeFile(path, Buffer.concat([bytes, bytes]));
  await assert.rejects(loadSnapshot(path, SHAPE, OPTIONS), /section 3 is the last, and more follows/);
  await writeFile(path, bytes);
  assert.equal((await loadSnapshot(path, SHAPE, OPTIONS)).rows, 6);
});

test('a snapshot of other fields is no damage, and is refused by name', async () => {
  const path = await smallSnapshot('other');
  const other = {
    ...SHAPE,
    fields: SHAPE.fields.map((field) => (field.name === 'mean' ? { ...field, type: 'float64' as const } : field)),
  };
  await assert.rejects(
    loadSnapshot(path, other, OPTIONS),
    (error) =>
      error instanceof TidegateError &&
      error.code === 'INVALID_CONFIG' &&
      /of other fields than "carriers"/.test(error.message),
  );
  const later = { ...SHAPE, ttl_us: 5, fields: SHAPE.fields.map((field) => ({ ...field, ttl_us: 9 })) };
  assert.equal((await loadSnapshot(path, later, OPTIONS)).rows, 6, 'times to live and defaults may change');
});

test('a snapshot that cannot be written leaves the one before, and nothing half written', async () => {
  const path = await smallSnapshot('kept');
  const before_files = await readdir(folder);
  const writer = new TableWriter(SHAPE, OPTIONS);
  await assert.rejects(writeSnapshot(writer.handle, join(folder, 'no', 'such', 'folder'), {}, 0), /ENOENT/);
  const broken: Record<string, number> = {};
  Object.defineProperty(broken, 'broken', {
    enumerable: true,
    get: () => {
      throw new Error('no position');
    },
  });
  await assert.rejects(writeSnapshot(writer.handle, path, broken, 0), /no position/);
  assert.deepEqual(await readdir(folder), before_files);
  assert.equal((await loadSnapshot(path, SHAPE, OPTIONS)).rows, 6);
});

test('a table with a smaller budget takes of a snapshot what fits', async () => {
  const path = join(folder, 'large');
  const writer = new TableWriter(SHAPE, OPTIONS);
  for (let n = 0; n < 20_000; n++)
    writer.apply({ ...update(n, { mean: n, note: 'some words of a note' }), key: [n] }, NOW_US);
  await writeSnapshot(writer.handle, path, {}, 0);
  const { writer: smaller, rows } = await loadSnapshot(path, SHAPE, { budget_bytes: 2 ** 20 });
  assert.equal(rows, 20_000);
  assert.ok(
    smaller.stats.entities > 3000 && smaller.stats.committed_bytes <= 2 ** 20,
    `${smaller.stats.entities} entities`,
  );
});

test('rows that no table can hold are refused though their checksum is right, and nothing is made of them', async () => {
  const path = await smallSnapshot('crafted');
  const file = await open(path, 'r');
  const sections = new SectionReader(file, path);
  const table = Buffer.from((await sections.read()).payload);
  const rows = Buffer.from((await sections.read()).payload);
  await file.close();
  const words = new Int32Array(rows.buffer, rows.byteOffset, rows.length / 4);
  const aWord = fc.tuple(fc.nat({ max: words.length - 1 }), fc.oneof(fc.integer(), fc.integer({ min: -2, max: 300 })));
  await fc.assert(
    fc.asyncProperty(
      fc.array(aWord, { minLength: 1, maxLength: 4 }),
      fc.nat({ max: words.length }),
      async (changes, length) => {
        const crafted = Int32Array.from(words).subarray(0, length);
        for (const [at, value] of changes) if (at < length) crafted[at] = value;
        const into = await open(path, 'w');
        await writeSection(into, SECTION_TABLE, table);
        await writeSection(into, SECTION_ROWS, new Uint8Array(crafted.buffer, 0, length * 4));
        await writeSection(into, SECTION_END, jsonPayload({ sections: 2, rows: 6 }));
        await into.close();
        // Values may be others, for the checksum says that they are right; lengths must add up, and nothing else may be thrown.
        const loaded = await loadSnapshot(path, SHAPE, OPTIONS).catch((error: unknown) => error);
        if (loaded instanceof Error) {
          assert.ok(loaded instanceof CorruptSnapshot, String(loaded));
          assert.match(loaded.message, /section 1 holds what no table can/);
        } else {
          assert.ok(
            loaded !== null && typeof loaded === 'object' && 'writer' in loaded && loaded.writer instanceof TableWriter,
          );
          const { entities } = loaded.writer.stats;
          assert.ok(entities <= 6);
          for (let n = 0; n < 6; n++) loaded.writer.apply(update(n + 100, { note: 'again' }), NOW_US);
          all(new TableReader(loaded.writer.handle));
        }
      },
    ),
    { numRuns: 300 },
  );
});
