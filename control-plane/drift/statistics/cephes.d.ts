/** The package has these types, but its `exports` hide them from the compiler. What is used here, no more. */
declare module 'cephes' {
  /** Settles when the WebAssembly is ready: nothing may be called before. */
  export const compiled: Promise<void>;
  /** Upper tail of the chi-squared distribution. */
  export function chdtrc(df: number, x: number): number;
  export function ndtr(x: number): number;
  /** The x below which the standard normal distribution has so much. */
  export function ndtri(probability: number): number;
  /** P(X ≤ k) of n trials with probability p each. */
  export function bdtr(k: number, n: number, p: number): number;
  /** Upper tail of the one-sided Kolmogorov-Smirnov statistic of n values. */
  export function smirnov(n: number, d: number): number;
  /** Upper tail of √n·D for n → ∞. */
  export function kolmogorov(x: number): number;
}
