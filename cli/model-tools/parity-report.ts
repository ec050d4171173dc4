import { table } from '../table.js';
import { agrees, type OutputDifference, ratioOf } from './comparison.js';

/** Output by output: how far it is off, by itself and against what it is to be. */
export function parityTable(compared: readonly OutputDifference[], tolerance: number): string {
  const rows = compared.map((each) => [
    each.output,
    each.fault === '' ? each.largest.toExponential(2) : '-',
    each.fault === '' ? each.scale.toExponential(2) : '-',
    each.fault === '' ? ratioOf(each).toExponential(2) : '-',
    verdict(each, tolerance),
  ]);
  return table(['OUTPUT', 'LARGEST DIFFERENCE', 'LARGEST VALUE', 'RATIO', `WITHIN ${tolerance}`], rows);
}

function verdict(each: OutputDifference, tolerance: number): string {
  if (each.fault !== '') return `no: it ${each.fault}`;
  return agrees([each], tolerance) ? 'yes' : 'no';
}
