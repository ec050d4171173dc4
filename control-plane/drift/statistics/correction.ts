/** Of many tests at once some fall below any limit by chance: `holm` bounds the chance of one false alarm, `benjaminiHochberg` the share of false ones. */
export type Correction = 'none' | 'holm' | 'benjaminiHochberg';

/** Corrected p-values in the order given: to be compared with the limit that the raw ones would be. As statsmodels' `multipletests`. */
export function correctedPValues(p: readonly number[], correction: Correction): readonly number[] {
  if (correction === 'none') return p;
  const order = p.map((_, i) => i).sort((a, b) => p[a] - p[b]);
  const out = new Array<number>(p.length).fill(1);
  const n = p.length;
  if (correction === 'holm') {
    let least = 0;
    for (const [rank, i] of order.entries()) {
      least = Math.max(least, Math.min(1, p[i] * (n - rank)));
      out[i] = least;
    }
    return out;
  }
  let most = 1;
  for (let rank = n - 1; rank >= 0; rank--) {
    const i = order[rank];
    most = Math.min(most, (p[i] * n) / (rank + 1));
    out[i] = most;
  }
  return out;
}
