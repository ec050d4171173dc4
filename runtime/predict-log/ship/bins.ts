import type { UInt16Column } from '../../../clickhouse/native/number-columns.js';
import { BIN_NULL } from '../../../contract/bin-spec.js';
import type { LoggedPrediction } from '../logged-prediction.js';
import { NO_CLASS } from '../record-format.js';
import { type Binning, categoryBin, type FeatureSource, SOURCE } from './binning.js';

/** Adds the bins of the rows [from, to): one for each feature of the spec, row by row. */
export function appendBins(
  column: UInt16Column,
  found: LoggedPrediction,
  from: number,
  to: number,
  binning: Binning,
): void {
  const { features } = binning;
  const width = features.length;
  const first = column.room((to - from) * width);
  const { values } = column;
  // Feature by feature, so that the edges of one are in the cache for all rows.
  for (let position = 0; position < width; position++) {
    const feature = features[position];
    let at = first + position;
    for (let row = from; row < to; row++) {
      values[at] = binOf(feature, found, row);
      at += width;
    }
  }
}

function binOf(feature: FeatureSource, found: LoggedPrediction, row: number): number {
  switch (feature.source) {
    case SOURCE.NUM: {
      // A row whose inputs were too large has a digest instead.
      if (feature.index >= found.num_width) return BIN_NULL;
      const at = found.num_at + row * found.num_width + feature.index;
      return feature.edges.bin(found.num_double ? found.memory.f64[at] : found.memory.f32[at]);
    }
    case SOURCE.CAT: {
      if (feature.index >= found.cat_width) return BIN_NULL;
      return categoryBin(feature.categories, found.text(found.first_cat + row * found.cat_width + feature.index));
    }
    case SOURCE.SCORE:
      return found.scores_at < 0 ? BIN_NULL : feature.edges.bin(found.memory.f64[found.scores_at + row]);
    case SOURCE.CLASS:
      return classBin(feature, found, row);
    default:
      return BIN_NULL;
  }
}

function classBin(feature: FeatureSource, found: LoggedPrediction, row: number): number {
  if (found.class_indexes_at < 0) return categoryBin(feature.categories, found.class(row));
  const index = found.memory.u32[found.class_indexes_at + row];
  return index === NO_CLASS || index >= feature.class_bins.length ? BIN_NULL : feature.class_bins[index];
}
