import { CLASS_FEATURE, SCORE_FEATURE } from '../../contract/bin-spec.js';
import type { ReadLayout } from '../log/layouts.js';

/** One column that drift looks at: where its values stand in a row of `inference_log`. */
export interface FeatureColumn {
  readonly feature: string;
  readonly kind: 'numeric' | 'categorical';
  /** An expression of ClickHouse over one row: Float64, or String. */
  readonly value: string;
  /** Index in `num`, from 0; undefined: it is not there. */
  readonly position?: number;
}

/** Features in the order of the layout, then score and class where the model has them. Redacted features have no values to look at. */
export function featureColumns(layout: ReadLayout): FeatureColumn[] {
  let [numeric, categorical] = [0, 0];
  const columns: FeatureColumn[] = [];
  for (const { name, kind, privacy } of layout.inputs === 'kept' ? layout.features : []) {
    const place =
      kind === 'numeric' ? { value: numberAt(++numeric), position: numeric - 1 } : { value: `cat[${++categorical}]` };
    if (privacy !== 'redacted') columns.push({ feature: name, kind, ...place });
  }
  if (layout.score !== 'none') columns.push({ feature: SCORE_FEATURE, kind: 'numeric', value: 'score' });
  if (layout.classes.length > 0)
    columns.push({ feature: CLASS_FEATURE, kind: 'categorical', value: 'toString(class)' });
  return columns;
}

/** Beyond the end of an array ClickHouse reads 0, which would be a value. */
function numberAt(index: number): string {
  return `if(length(num) < ${index}, nan, num[${index}])`;
}
