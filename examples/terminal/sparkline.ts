const BARS = '▁▂▃▄▅▆▇█';

/** Values from 0 to 1 as a row of bars, at most `width` of them: each shows the highest value of its stretch. */
export function sparkline(values: readonly number[], width: number): string {
  const count = Math.min(values.length, width);
  return Array.from({ length: count }, (_, i) => {
    const from = Math.floor((i * values.length) / count);
    const to = Math.floor(((i + 1) * values.length) / count);
    const highest = Math.max(...values.slice(from, to));
    const level = Math.min(Math.max(Math.floor(highest * BARS.length), 0), BARS.length - 1);
    return BARS[level];
  }).join('');
}
