import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { type ColumnEncoding, encode, encodingOf, type FeatureColumn } from './feature-matrix.js';
import { absent, type Measurement, measured } from './measurement.js';
import { type ChunkThresholds, chunkThresholds } from './verdict.js';

/** NannyML keeps as many components as explain this share of the variance. */
export const EXPLAINED_VARIANCE = 0.65;

/** The directions in which the reference varies together. */
export interface Components {
  readonly encodings: readonly ColumnEncoding[];
  /** Each as long as there are columns, of length 1, by falling variance. */
  readonly directions: readonly Float64Array[];
}

/** Columns of the same length, at least one row. Throws where there is nothing to learn from. */
export function fitComponents(reference: readonly FeatureColumn[], explained: number = EXPLAINED_VARIANCE): Components {
  const rows = reference[0]?.values.length ?? 0;
  if (rows === 0) throw new RangeError('components need a reference of at least one column and one row');
  const encodings = reference.map(encodingOf);
  const columns = reference.map((column, i) => encode(encodings[i], column.values));
  // Standardised columns have mean 0, so that their covariance is the mean of products.
  const covariance = new Matrix(
    columns.map((left) => columns.map((right) => left.reduce((sum, value, i) => sum + value * right[i], 0) / rows)),
  );
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(covariance, { assumeSymmetric: true });
  const order = realEigenvalues.map((_, i) => i).sort((a, b) => realEigenvalues[b] - realEigenvalues[a]);
  const whole = realEigenvalues.reduce((sum, value) => sum + Math.max(0, value), 0);
  const directions: Float64Array[] = [];
  let sum = 0;
  for (const i of order) {
    // scikit-learn keeps the first component that takes the sum above the share.
    if (sum > explained * whole) break;
    sum += Math.max(0, realEigenvalues[i]);
    directions.push(Float64Array.from(eigenvectorMatrix.getColumn(i)));
  }
  return { encodings, directions };
}

/** Mean over rows of the distance between a row and its image in the kept directions: grows when features no longer vary together as they did. */
export function reconstructionError(
  { encodings, directions }: Components,
  window: readonly FeatureColumn[],
): Measurement {
  const byName = new Map(window.map((column) => [column.name, column]));
  const columns = encodings.map((encoding) => {
    const column = byName.get(encoding.name);
    if (column === undefined) throw new RangeError(`the window has no column ${encoding.name}`);
    return encode(encoding, column.values);
  });
  const rows = columns[0].length;
  if (rows === 0) return absent('noData');
  let sum = 0;
  const row = new Float64Array(columns.length);
  for (let i = 0; i < rows; i++) {
    for (let at = 0; at < columns.length; at++) row[at] = columns[at][i];
    sum += Math.sqrt(residual(row, directions));
  }
  return measured(sum / rows, { error: 0 });
}

/** Squared length of what the directions leave of a row. */
function residual(row: Float64Array, directions: readonly Float64Array[]): number {
  const rest = row.slice();
  for (const direction of directions) {
    const along = row.reduce((sum, value, at) => sum + value * direction[at], 0);
    for (let at = 0; at < rest.length; at++) rest[at] -= along * direction[at];
  }
  return rest.reduce((sum, value) => sum + value ** 2, 0);
}

/** Mean ± 3 deviations of the error over chunks of the reference. */
export function reconstructionThresholds(
  components: Components,
  chunks: readonly (readonly FeatureColumn[])[],
): ChunkThresholds | undefined {
  const values = chunks.flatMap((chunk) => {
    const error = reconstructionError(components, chunk);
    return error.absence === undefined ? [error.value] : [];
  });
  return chunkThresholds(values, { least: 0 });
}
