import { quoted } from '../../clickhouse/table.js';
import { BIN_FIRST, BIN_NULL, BIN_OUTSIDE, type FeatureBins } from '../../contract/bin-spec.js';

/** The bin of `value`, as an expression of ClickHouse: the same number as `numericBin` and the shipper give (a test compares them). */
export function binExpression(bins: FeatureBins, value: string): string {
  return bins.kind === 'numeric' ? numericExpression(bins.edges, value) : categoryExpression(bins.categories, value);
}

function numericExpression(edges: readonly number[], value: string): string {
  const last = edges.length - 1;
  const [least, greatest] = [number(edges[0]), number(edges[last])];
  if (last === 0) {
    const inside = `${value} > ${least}, ${BIN_FIRST + 1}, ${BIN_FIRST}`;
    return `toUInt16(multiIf(isNaN(${value}), ${BIN_NULL}, ${value} < ${least}, ${BIN_OUTSIDE}, ${inside}))`;
  }
  const list = `[${edges.map(number).join(',')}]`;
  // The last interval is closed: its upper edge belongs to it.
  const index = `least(${last - 1}, transform(roundDown(${value}, ${list}), ${list}, range(${edges.length}), 0))`;
  return `toUInt16(multiIf(isNaN(${value}), ${BIN_NULL}, ${value} < ${least}, ${BIN_OUTSIDE}, ${value} > ${greatest}, ${BIN_FIRST + last}, ${BIN_FIRST} + ${index}))`;
}

function categoryExpression(categories: readonly string[], value: string): string {
  const list = `[${categories.map(quoted).join(',')}]`;
  const known = categories.length === 0 ? '0' : `indexOf(${list}, ${value})`;
  return `toUInt16(multiIf(${value} = '', ${BIN_NULL}, ${known} = 0, ${BIN_OUTSIDE}, ${BIN_FIRST - 1} + ${known}))`;
}

/** The shortest text that gives the same number, with a point so that it is a Float64. */
function number(value: number): string {
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.`;
}
