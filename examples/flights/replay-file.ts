import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { FlightTable } from './data.js';
import type { Departure, FlightEncoding } from './features.js';
import { firstFrom } from './training-set.js';

const FlightColumnsSchema = z.strictObject({
  minute: z.array(z.int()),
  delay_min: z.array(z.int()),
  distance_mi: z.array(z.int()),
  origin: z.array(z.int()),
  destination: z.array(z.int()),
});

const ReplayFileSchema = z.strictObject({
  /** The day that is replayed, as `2001-06-15`. */
  day: z.string(),
  encoding: z.strictObject({
    airports: z.array(z.string()),
    base: z.number(),
    origin: z.array(z.number()),
    destination: z.array(z.number()),
    route: z.record(z.string(), z.number()),
  }),
  /** The day before it, from which the airports' history starts. */
  before: FlightColumnsSchema,
  flights: FlightColumnsSchema,
});

type FlightColumns = z.infer<typeof FlightColumnsSchema>;

export interface FlownFlight extends Departure {
  readonly delay_min: number;
}

export interface Replay {
  readonly day: string;
  readonly encoding: FlightEncoding;
  readonly before: readonly FlownFlight[];
  readonly flights: readonly FlownFlight[];
}

const DAY_MIN = 1440;

/** What the client needs to replay one day: the encoding the model was trained with, that day's flights, and the day before. */
export function replayFileOf(table: FlightTable, encoding: FlightEncoding, day: string, day_min: number): string {
  const columns = (from_min: number): FlightColumns => {
    const rows = [firstFrom(table, from_min), firstFrom(table, from_min + DAY_MIN)] as const;
    return {
      minute: [...table.minute.subarray(...rows)],
      delay_min: [...table.delay_min.subarray(...rows)],
      distance_mi: [...table.distance_mi.subarray(...rows)],
      origin: [...table.origin.subarray(...rows)],
      destination: [...table.destination.subarray(...rows)],
    };
  };
  const file = { day, encoding, before: columns(day_min - DAY_MIN), flights: columns(day_min) };
  return JSON.stringify(file);
}

export async function readReplay(path: string | URL): Promise<Replay> {
  const { day, encoding, before, flights } = ReplayFileSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  return { day, encoding, before: flownFlights(before), flights: flownFlights(flights) };
}

function flownFlights(columns: FlightColumns): FlownFlight[] {
  return columns.minute.map((minute, i) => ({
    minute,
    delay_min: columns.delay_min[i],
    distance_mi: columns.distance_mi[i],
    origin: columns.origin[i],
    destination: columns.destination[i],
  }));
}
