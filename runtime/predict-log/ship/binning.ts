import {
  BIN_FIRST,
  BIN_NULL,
  BIN_OUTSIDE,
  type BinSpec,
  CLASS_FEATURE,
  SCORE_FEATURE,
} from '../../../contract/bin-spec.js';
import type { LogLayout } from '../../../contract/prediction-record.js';
import { EdgeTable } from './edge-table.js';

/** Where the value of one feature of a spec lies in a row of the log. */
export const SOURCE = { MISSING: 0, NUM: 1, CAT: 2, SCORE: 3, CLASS: 4 } as const;

export interface FeatureSource {
  readonly source: number;
  /** Index in `num` or `cat`. */
  readonly index: number;
  readonly edges: EdgeTable;
  readonly categories: ReadonlyMap<string, number>;
  /** Bins of the classes of the layout, in its order. */
  readonly class_bins: Uint16Array;
}

/** A spec as it meets the rows of one layout: all names are looked up here, none for a row. */
export interface Binning {
  readonly spec_id: number;
  readonly features: readonly FeatureSource[];
}

const NO_EDGES = new EdgeTable([0]);
const NO_CATEGORIES: ReadonlyMap<string, number> = new Map();
const NO_BINS = new Uint16Array(0);

/** Rows without a spec have no bins. */
export const NO_BINNING: Binning = { spec_id: 0, features: [] };

/**
 * Features of the spec are found in the layout by name and kind. One that the layout does not have, or that has become another kind, is
 * BIN_NULL in every row: its null rate says that it is gone, and the others are not disturbed.
 */
export function compileBinning(spec: BinSpec, layout: LogLayout): Binning {
  return { spec_id: spec.spec_id, features: spec.features.map((feature) => sourceOf(feature, layout)) };
}

function sourceOf(bins: BinSpec['features'][number], layout: LogLayout): FeatureSource {
  if (bins.kind === 'numeric') {
    const numeric = (source: number, index: number) => ({
      source,
      index,
      edges: bins.edges.length === 0 ? NO_EDGES : new EdgeTable(bins.edges),
      categories: NO_CATEGORIES,
      class_bins: NO_BINS,
    });
    if (bins.feature === SCORE_FEATURE) return numeric(SOURCE.SCORE, 0);
    const index = positionOf(layout, 'numeric', bins.feature);
    return numeric(index < 0 || bins.edges.length === 0 ? SOURCE.MISSING : SOURCE.NUM, Math.max(0, index));
  }
  const categories = new Map(bins.categories.map((category, index) => [category, BIN_FIRST + index]));
  const found = { edges: NO_EDGES, categories, class_bins: NO_BINS };
  if (bins.feature === CLASS_FEATURE) {
    const class_bins = Uint16Array.from(layout.classes, (name) => categoryBin(categories, name));
    return { ...found, class_bins, source: SOURCE.CLASS, index: 0 };
  }
  const index = positionOf(layout, 'categorical', bins.feature);
  return { ...found, source: index < 0 ? SOURCE.MISSING : SOURCE.CAT, index: Math.max(0, index) };
}

function positionOf(layout: LogLayout, kind: 'numeric' | 'categorical', name: string): number {
  return layout.features.filter((feature) => feature.kind === kind).findIndex((feature) => feature.name === name);
}

export function categoryBin(categories: ReadonlyMap<string, number>, value: string): number {
  return value === '' ? BIN_NULL : (categories.get(value) ?? BIN_OUTSIDE);
}

/** The spec that rows of this version are counted by: the newest of those for it and of those for every version. */
export function specFor(specs: readonly BinSpec[], model: string, version: number): BinSpec | undefined {
  let newest: BinSpec | undefined;
  for (const spec of specs) {
    if (spec.model !== model || (spec.version !== 0 && spec.version !== version)) continue;
    if (newest === undefined || spec.spec_id > newest.spec_id) newest = spec;
  }
  return newest;
}
