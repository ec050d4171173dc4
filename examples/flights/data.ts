import { fileURLToPath } from 'node:url';
import { decompress } from 'fzstd';
import { asyncBufferFromFile, parquetMetadataAsync, parquetRead } from 'hyparquet';

/** Flights in the order of their departure, column by column. */
export interface FlightTable {
  /** Departure in minutes since 2001-01-01 00:00 on the clock of the origin. */
  readonly minute: Int32Array;
  /** Minutes late on arrival; negative: early. */
  readonly delay_min: Int16Array;
  readonly distance_mi: Uint16Array;
  /** Indices into `airports`. */
  readonly origin: Uint16Array;
  readonly destination: Uint16Array;
  readonly airports: readonly string[];
}

export const EPOCH_MS = Date.UTC(2001, 0, 1);
const EPOCH_MIN = EPOCH_MS / 60_000;
const MICROSECONDS_PER_MINUTE = 60_000_000n;

/** Where the npm package `vega-datasets` keeps its three million flights of January to June 2001. */
export function flightsFile(): string {
  return fileURLToPath(new URL('../data/flights-3m.parquet', import.meta.resolve('vega-datasets')));
}

/** Reads flights in order of departure: all of the file, or rows `first` to `end`. */
export async function readFlights(path: string, first = 0, end = Number.MAX_SAFE_INTEGER): Promise<FlightTable> {
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file);
  const last = Math.min(end, Number(metadata.num_rows));
  const codes = new Map<string, number>();
  const columns = emptyColumns(Math.max(last - first, 0));
  await parquetRead({
    file,
    metadata,
    columns: Object.keys(columns),
    rowStart: first,
    rowEnd: last,
    compressors: { ZSTD: (input, length) => decompress(input, new Uint8Array(length)) },
    parsers: { timestampFromMicroseconds: (value: bigint) => Number(value / MICROSECONDS_PER_MINUTE) - EPOCH_MIN },
    // Chunks of a column may come in any order, and may reach beyond the rows that were asked for.
    onChunk: ({ columnName, rowStart, columnData }) => {
      const column = columns[columnName];
      const until = Math.min(columnData.length, last - rowStart);
      for (let i = Math.max(first - rowStart, 0); i < until; i++) {
        column[rowStart + i - first] = numberOf(columnData[i], codes);
      }
    },
  });
  for (let i = 1; i < columns.date.length; i++) {
    if (columns.date[i] >= columns.date[i - 1]) continue;
    throw new Error(`${path} is not in order of departure (row ${first + i}): is it another file?`);
  }
  return {
    ...sortedAirports(columns, codes),
    minute: columns.date,
    delay_min: columns.delay,
    distance_mi: columns.distance,
  };
}

function emptyColumns(rows: number) {
  const columns = {
    date: new Int32Array(rows),
    delay: new Int16Array(rows),
    distance: new Uint16Array(rows),
    origin: new Uint16Array(rows),
    destination: new Uint16Array(rows),
  };
  return columns as typeof columns & Readonly<Record<string, Int32Array | Int16Array | Uint16Array>>;
}

/** Airports become numbers in the order in which they turn up. */
function numberOf(value: unknown, codes: Map<string, number>): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (typeof value !== 'string') throw new TypeError(`${String(value)} is neither a number nor an airport's code`);
  const known = codes.get(value);
  if (known !== undefined) return known;
  codes.set(value, codes.size);
  return codes.size - 1;
}

/** Renumbers the airports by their codes: which one turned up first depends on how the file is cut into chunks. */
function sortedAirports(
  columns: { readonly origin: Uint16Array; readonly destination: Uint16Array },
  codes: ReadonlyMap<string, number>,
): Pick<FlightTable, 'airports' | 'origin' | 'destination'> {
  const airports = [...codes.keys()].sort();
  const renumbered = new Uint16Array(airports.length);
  for (const [index, code] of airports.entries()) renumbered[codes.get(code) ?? 0] = index;
  return {
    airports,
    origin: columns.origin.map((before) => renumbered[before]),
    destination: columns.destination.map((before) => renumbered[before]),
  };
}
