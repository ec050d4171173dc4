import { type ClassifierDrift, classifierDrift } from './classifier-drift.js';
import { type MultivariateDrift, multivariateDrift } from './multivariate-drift.js';
import type { FeatureColumn } from './statistics/feature-matrix.js';

/** Ways to compare all features together. */
export const METHODS = ['pca', 'classifier'] as const;
export type Method = (typeof METHODS)[number];

export interface MultivariateQuestion {
  readonly methods: readonly Method[];
  readonly reference: readonly FeatureColumn[];
  readonly current: readonly FeatureColumn[];
  readonly least_samples: number;
}

export interface MultivariateAnswers {
  readonly pca?: MultivariateDrift;
  readonly classifier?: ClassifierDrift;
}

export function multivariateAnswers(question: MultivariateQuestion): MultivariateAnswers {
  const { methods, reference, current, least_samples: least } = question;
  return {
    ...(methods.includes('pca') ? { pca: multivariateDrift(reference, current, least) } : {}),
    ...(methods.includes('classifier') ? { classifier: classifierDrift(reference, current, least) } : {}),
  };
}
