import { BIN_FIRST, BIN_NULL, BIN_OUTSIDE, numericBin } from '../../../contract/bin-spec.js';

const CELLS_OF_AN_EDGE = 4;
/** Edges that lie so dense that more than this many are in one cell are searched by halves instead. */
const MOST_STEPS = 8;

/**
 * `numericBin` for edges that are used again and again. The range between the outermost edges is cut into equal cells, and each cell knows
 * the interval that it begins in: usually the right one, or a step away. The cell is only a first guess, so its rounding does no harm.
 */
export class EdgeTable {
  readonly #edges: Float64Array;
  readonly #intervals: Uint16Array;
  readonly #first: number;
  readonly #last: number;
  readonly #cells_per_unit: number;

  constructor(edges: readonly number[]) {
    this.#edges = Float64Array.from(edges);
    const cells = edges.length * CELLS_OF_AN_EDGE;
    this.#first = edges[0];
    this.#last = edges[edges.length - 1];
    const width = (this.#last - this.#first) / cells;
    const rate = 1 / width;
    this.#cells_per_unit = edges.length > 1 && Number.isFinite(rate) && Number.isFinite(width) ? rate : 0;
    this.#intervals = new Uint16Array(cells + 1);
    for (let cell = 0; cell <= cells; cell++) {
      const bin = numericBin(this.#edges, this.#first + cell * width);
      this.#intervals[cell] = Math.max(0, Math.min(edges.length - 2, bin - BIN_FIRST));
    }
  }

  bin(value: number): number {
    const edges = this.#edges;
    if (this.#cells_per_unit === 0) return numericBin(edges, value);
    if (Number.isNaN(value)) return BIN_NULL;
    if (value < this.#first) return BIN_OUTSIDE;
    const intervals = edges.length - 1;
    if (value >= this.#last) return BIN_FIRST + (value > this.#last ? intervals : intervals - 1);
    let interval = this.#intervals[((value - this.#first) * this.#cells_per_unit) >>> 0];
    for (let step = 0; step < MOST_STEPS; step++) {
      if (value >= edges[interval + 1]) interval++;
      else if (value < edges[interval]) interval--;
      else return BIN_FIRST + interval;
    }
    return numericBin(edges, value);
  }
}
