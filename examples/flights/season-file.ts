import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { EPOCH_MS, type FlightTable } from './data.js';
import { FEATURES, type FlightEncoding, FlightFeatures } from './features.js';
import { LATE_MIN } from './history.js';
import { departureOf } from './training-set.js';

/** Flights of the whole half-year, in the order of their departure, each with the features that were known then. */
export interface Season {
  readonly flights: readonly SeasonFlight[];
}

export interface SeasonFlight {
  /** `2001-01` */
  readonly month: string;
  readonly origin: string;
  readonly isLate: boolean;
  readonly features: Float32Array;
}

const SeasonFileSchema = z.strictObject({
  features: z.array(z.string()),
  month: z.array(z.string()),
  origin: z.array(z.string()),
  late: z.array(z.union([z.literal(0), z.literal(1)])),
  /** Rows of FP32, little-endian, in base64. */
  rows: z.base64(),
});

/** About `per_month` flights of each month, drawn at random; their features come from the history of all flights. */
export function seasonFileOf(
  table: FlightTable,
  encoding: FlightEncoding,
  per_month: number,
  random: () => number,
): string {
  const months = Array.from(table.minute, monthOf);
  const flown = new Map<string, number>();
  for (const month of months) flown.set(month, (flown.get(month) ?? 0) + 1);
  const drawn = months.map((month) => random() < per_month / (flown.get(month) ?? 1));
  const chosen = drawn.flatMap((isDrawn, i) => (isDrawn ? [i] : []));
  const rows = new Float32Array(chosen.length * FEATURES.length);
  const features = new FlightFeatures(encoding);
  let row = 0;
  for (let i = 0; i < months.length; i++) {
    const departure = departureOf(table, i);
    if (drawn[i]) features.fill(departure, rows, row++ * FEATURES.length);
    features.landed(departure, table.delay_min[i]);
  }
  return JSON.stringify({
    features: FEATURES,
    month: chosen.map((i) => months[i]),
    origin: chosen.map((i) => table.airports[table.origin[i]]),
    late: chosen.map((i) => (table.delay_min[i] > LATE_MIN ? 1 : 0)),
    rows: Buffer.from(rows.buffer).toString('base64'),
  });
}

function monthOf(minute: number): string {
  return new Date(EPOCH_MS + minute * 60_000).toISOString().slice(0, 7);
}

export async function readSeason(path: string | URL): Promise<Season> {
  const { features, month, origin, late, rows } = SeasonFileSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  const bytes = Buffer.from(rows, 'base64');
  // A buffer from the pool may begin anywhere; floats begin at multiples of four.
  const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  if (features.join() !== FEATURES.join() || values.length !== month.length * FEATURES.length) {
    throw new Error(`${String(path)} was made for other features: npm run build makes it anew`);
  }
  const flights = month.map((each, i) => ({
    month: each,
    origin: origin[i],
    isLate: late[i] === 1,
    features: values.subarray(i * FEATURES.length, (i + 1) * FEATURES.length),
  }));
  return { flights };
}
