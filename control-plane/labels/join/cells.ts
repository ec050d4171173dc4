import type { SignedAttachment } from './attachment.js';

const HOUR_US = 3_600_000_000;
const BINS = 1000;

export interface Cut {
  readonly model: string;
  readonly version: number;
  readonly variant: string;
  readonly node: string;
  readonly segment: string;
  /** Seconds since 1970. */
  readonly hour: number;
}

type Sums = Record<string, number>;

/** What a step adds to each table of states: one row a cell. */
export interface StateCells {
  readonly perf_hist: readonly object[];
  readonly perf_class: readonly object[];
  readonly perf_error: readonly object[];
  readonly label_hist: readonly object[];
}

export type StateTable = keyof StateCells;

/** Cells of one table: what is of the same place is added up. */
class Cells {
  readonly #cells = new Map<string, { readonly place: object; readonly sums: Sums }>();

  add(place: object, sums: Sums): void {
    const key = JSON.stringify(place);
    const cell = this.#cells.get(key);
    if (cell === undefined) {
      this.#cells.set(key, { place, sums: { ...sums } });
      return;
    }
    for (const [name, value] of Object.entries(sums)) cell.sums[name] += value;
  }

  rows(): object[] {
    return [...this.#cells.values()].map(({ place, sums }) => ({ ...place, ...sums }));
  }
}

/** Adds up what was decided: the same rows give the same cells, in the same order. */
export function stateCells(decided: readonly SignedAttachment[]): StateCells {
  const [hist, classes, errors, outcomes] = [new Cells(), new Cells(), new Cells(), new Cells()];
  for (const attachment of decided) {
    for (const cut of cutsOf(attachment)) {
      const { sign, outcome } = attachment;
      outcomes.add({ ...cut, outcome }, { n: sign });
      if (outcome !== 'joined') continue;
      addScore(hist, cut, attachment);
      addClass(classes, cut, attachment);
      addError(errors, cut, attachment);
    }
  }
  return {
    perf_hist: hist.rows(),
    perf_class: classes.rows(),
    perf_error: errors.rows(),
    label_hist: outcomes.rows(),
  };
}

/** All of its model, and each of its segments. */
function cutsOf({ row }: SignedAttachment): Cut[] {
  const { model, version, variant, node, ts_us } = row;
  const hour = Math.floor(ts_us / HOUR_US) * 3600;
  const segments = ['', ...Object.entries(row.segment).map(([name, value]) => `${name}=${value}`)];
  return segments.map((segment) => ({ model, version, variant, node, segment, hour }));
}

/** Bin of `score_hist`. */
export function scoreBin(score: number): number {
  if (Number.isNaN(score)) return 0;
  return score < 0 || score > 1 ? BINS + 1 : 1 + Math.min(BINS - 1, Math.floor(score * BINS));
}

function addScore(cells: Cells, cut: Cut, { sign, task, positive, text, row }: SignedAttachment): void {
  if (task === 'regression') return;
  const isPositive = task === 'binary' ? positive === 1 : text === row.class;
  const weight = sign / row.share;
  cells.add(
    { ...cut, bin: scoreBin(row.score) },
    { n: sign, positives: isPositive ? weight : 0, negatives: isPositive ? 0 : weight },
  );
}

function addClass(cells: Cells, cut: Cut, { sign, task, text, row }: SignedAttachment): void {
  if (task !== 'multiclass') return;
  cells.add({ ...cut, label: text, class: row.class }, { n: sign, weight: sign / row.share });
}

function addError(cells: Cells, cut: Cut, { sign, task, number, row }: SignedAttachment): void {
  if (task !== 'regression' || !Number.isFinite(row.score)) return;
  const error = row.score - number;
  const weight = sign / row.share;
  cells.add(cut, {
    n: sign,
    weight,
    error: weight * error,
    absolute_error: weight * Math.abs(error),
    squared_error: weight * error ** 2,
    label: weight * number,
    squared_label: weight * number ** 2,
  });
}
