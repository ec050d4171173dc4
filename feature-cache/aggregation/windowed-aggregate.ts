import { TidegateError } from '../../contract/error.js';
import { HyperLogLog, type HyperLogLogState } from './hyper-log-log.js';

export interface WindowSpec {
  /** 1 minute to 30 days. */
  readonly window_us: number;
  /** The grain: an event counts for the whole of its tile. Divides the window, which has 1 to 2,880 of them. */
  readonly tile_us: number;
  /** `sliding`: the tiles up to now; `tumbling`: the whole window that ended last. */
  readonly kind: 'sliding' | 'tumbling';
}

const LEAST_WINDOW_US = 60e6;
const MOST_WINDOW_US = 30 * 86_400e6;
const MOST_TILES = 2880;

export interface Aggregates {
  readonly count: number;
  readonly sum: number;
  /** null, as min, max and last: nothing happened in the window. */
  readonly mean: number | null;
  readonly min: number | null;
  readonly max: number | null;
  /** Of the event that happened last; of equal times the one with the greater sequence. */
  readonly last: number | null;
  /** Of the texts that were given; see HyperLogLog for its error. */
  readonly distinct: number;
}

export interface AggregatedEvent {
  readonly event_time_us: number;
  readonly sequence: number;
  readonly value: number;
  /** What is counted once however often it comes; absent: the event adds nothing to `distinct`. */
  readonly text?: string;
}

interface Tile {
  count: number;
  sum: number;
  min: number;
  max: number;
  last: number;
  last_us: number;
  last_sequence: number;
  distinct: HyperLogLog | undefined;
}

/**
 * Aggregates of one key over one window. Events may come late and in any order: each goes into the tile of its own time, so the answer for a moment depends on
 * which events have come and not on when they came. Memory is bounded by the tiles of a window, about 100 bytes each (4 KiB more where many texts are distinct).
 */
export class WindowedAggregate {
  readonly #spec: WindowSpec;
  readonly #tiles = new Map<number, Tile>();

  /** Throws INVALID_CONFIG for a window that cannot be. */
  constructor(spec: WindowSpec) {
    const { window_us, tile_us } = spec;
    const tiles = window_us / tile_us;
    if (!(window_us >= LEAST_WINDOW_US && window_us <= MOST_WINDOW_US)) {
      throw new TidegateError(
        'INVALID_CONFIG',
        `a window of ${window_us / 1e6} s cannot be: give one from 1 minute to 30 days`,
      );
    }
    if (!Number.isInteger(tiles) || tiles < 1 || tiles > MOST_TILES) {
      throw new TidegateError(
        'INVALID_CONFIG',
        `a window of ${window_us / 1e6} s has no whole number of tiles of ${tile_us / 1e6} s, from 1 to ${MOST_TILES}`,
      );
    }
    this.#spec = spec;
  }

  get tiles(): number {
    return this.#tiles.size;
  }

  /** Answers whether the event may count for anybody who asks at `now_us` or later: one that is older than the window does not. */
  add({ event_time_us, sequence, value, text }: AggregatedEvent, now_us: number): boolean {
    if (!Number.isFinite(value))
      throw new TidegateError('INVALID_VALUE', `a value of ${value} cannot be aggregated: leave the event out`);
    this.forget(now_us);
    const index = Math.floor(event_time_us / this.#spec.tile_us);
    if (index < this.#oldest(now_us)) return false;
    const tile = this.#tiles.get(index) ?? emptyTile();
    this.#tiles.set(index, tile);
    tile.count++;
    tile.sum += value;
    tile.min = Math.min(tile.min, value);
    tile.max = Math.max(tile.max, value);
    if (event_time_us > tile.last_us || (event_time_us === tile.last_us && sequence > tile.last_sequence)) {
      tile.last = value;
      tile.last_us = event_time_us;
      tile.last_sequence = sequence;
    }
    if (text !== undefined) {
      tile.distinct ??= new HyperLogLog();
      tile.distinct.add(text);
    }
    return true;
  }

  read(now_us: number): Aggregates {
    const [first, end] = this.#range(now_us);
    const all = emptyTile();
    const distinct = new HyperLogLog();
    for (const [index, tile] of this.#tiles) {
      if (index < first || index >= end) continue;
      all.count += tile.count;
      all.sum += tile.sum;
      all.min = Math.min(all.min, tile.min);
      all.max = Math.max(all.max, tile.max);
      if (tile.last_us > all.last_us) {
        all.last = tile.last;
        all.last_us = tile.last_us;
      }
      if (tile.distinct !== undefined) distinct.merge(tile.distinct);
    }
    const { count, sum, min, max, last } = all;
    const isEmpty = count === 0;
    return {
      count,
      sum,
      mean: isEmpty ? null : sum / count,
      min: isEmpty ? null : min,
      max: isEmpty ? null : max,
      last: isEmpty ? null : last,
      distinct: distinct.count,
    };
  }

  /** Tiles that no window of now or later has. */
  forget(now_us: number): void {
    const oldest = this.#oldest(now_us);
    for (const index of this.#tiles.keys()) if (index < oldest) this.#tiles.delete(index);
  }

  get state(): AggregateState {
    return [...this.#tiles].map(([index, { distinct, ...tile }]) => ({
      index,
      ...tile,
      distinct: distinct?.state ?? null,
    }));
  }

  restore(state: AggregateState): void {
    this.#tiles.clear();
    for (const { index, distinct, ...tile } of state) {
      this.#tiles.set(index, { ...tile, distinct: distinct === null ? undefined : HyperLogLog.restored(distinct) });
    }
  }

  /** From the first tile of the window to the one behind its last. */
  #range(now_us: number): readonly [first: number, end: number] {
    const { window_us, tile_us, kind } = this.#spec;
    const tiles = window_us / tile_us;
    if (kind === 'sliding') {
      const now = Math.floor(now_us / tile_us);
      return [now - tiles + 1, now + 1];
    }
    const ended = Math.floor(now_us / window_us) * tiles;
    return [ended - tiles, ended];
  }

  #oldest(now_us: number): number {
    return this.#range(now_us)[0];
  }
}

export type AggregateState = readonly (Omit<Tile, 'distinct'> & {
  readonly index: number;
  readonly distinct: HyperLogLogState | null;
})[];

function emptyTile(): Tile {
  return {
    count: 0,
    sum: 0,
    min: Number.POSITIVE_INFINITY,
    max: Number.NEGATIVE_INFINITY,
    last: 0,
    last_us: Number.NEGATIVE_INFINITY,
    last_sequence: -1,
    distinct: undefined,
  };
}
