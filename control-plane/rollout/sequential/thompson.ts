/** Successes and failures of one arm, on top of a uniform prior. */
export interface Outcomes {
  readonly successes: number;
  readonly failures: number;
}

const DRAWS = 4000;

/**
 * Thompson's rule as a weight: the probability that the candidate's rate of success is the higher one, from draws of both posteriors, in percent and
 * within limits. A bandit gives the better arm more requests; it says nothing about how sure that is: no analysis passes by it.
 */
export function thompsonPercent(
  candidate: Outcomes,
  champion: Outcomes,
  random: () => number,
  { least, most }: { readonly least: number; readonly most: number } = { least: 1, most: 99 },
): number {
  let wins = 0;
  for (let i = 0; i < DRAWS; i++) if (betaDraw(candidate, random) > betaDraw(champion, random)) wins++;
  return Math.min(most, Math.max(least, (100 * wins) / DRAWS));
}

function betaDraw({ successes, failures }: Outcomes, random: () => number): number {
  const a = gammaDraw(successes + 1, random);
  return a / (a + gammaDraw(failures + 1, random));
}

/** By Marsaglia and Tsang, for shapes of 1 and more. */
function gammaDraw(shape: number, random: () => number): number {
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}
