import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { flightsFile, readFlights } from '../../examples/flights/data.js';
import { FEATURES } from '../../examples/flights/features.js';
import { readSeason, type Season, seasonFileOf } from '../../examples/flights/season-file.js';
import { encodeFlights, splitFlights } from '../../examples/flights/training-set.js';
import { seededRandom } from '../../examples/learning/random.js';

/** The last day of January, the first ones of February. */
const FIRST_ROW = 475_000;
const ROWS = 60_000;

const table = await readFlights(flightsFile(), FIRST_ROW, FIRST_ROW + ROWS);
const encoding = encodeFlights(table, Number.POSITIVE_INFINITY);

async function readBack(t: TestContext, text: string): Promise<Season> {
  const folder = await mkdtemp(join(tmpdir(), 'tidegate-season-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'season.json');
  await writeFile(path, text);
  return readSeason(path);
}

test('a season has the features that training makes of the same flights, and what became of them', async (t) => {
  const { flights } = await readBack(
    t,
    seasonFileOf(table, encoding, ROWS, () => 0),
  );
  const { held_out } = splitFlights(table, encoding, 0, 0, Math.random);
  assert.equal(flights.length, ROWS);
  for (let i = 0; i < ROWS; i += 997) {
    const trained = held_out.features.subarray(i * FEATURES.length, (i + 1) * FEATURES.length);
    assert.deepEqual(flights[i].features, trained);
    assert.equal(flights[i].isLate, held_out.classes[i] === 1);
    assert.equal(flights[i].origin, table.airports[table.origin[i]]);
  }
});

test('each month gives about as many flights as are asked for, the same ones for the same seed', async (t) => {
  const text = seasonFileOf(table, encoding, 1000, seededRandom(1));
  assert.equal(text, seasonFileOf(table, encoding, 1000, seededRandom(1)));
  const { flights } = await readBack(t, text);
  assert.deepEqual([...new Set(flights.map(({ month }) => month))], ['2001-01', '2001-02']);
  for (const month of ['2001-01', '2001-02']) {
    const count = flights.filter((flight) => flight.month === month).length;
    assert.ok(count > 850 && count < 1150, `${month}: ${count}`);
  }
});

test('a file of other features is refused', async (t) => {
  const text = seasonFileOf(table, encoding, 10, seededRandom(2)).replace('time_sin', 'time_tan');
  await assert.rejects(readBack(t, text), /was made for other features/);
});
