import { z } from 'zod';

const rows = z.object({ reference: z.number(), current: z.number() });
export const TogetherSchema = z.object({
  pca: z
    .object({
      verdict: z.string(),
      value: z.number().optional(),
      thresholds: z.object({ low: z.number(), high: z.number() }).optional(),
      rows,
    })
    .optional(),
  classifier: z
    .object({ verdict: z.string(), value: z.number().optional(), standard_error: z.number().optional(), rows })
    .optional(),
});

/** A line for each way that all features were compared together. */
export function togetherText({ pca, classifier }: z.infer<typeof TogetherSchema>): string {
  const lines: string[] = [];
  if (pca !== undefined) {
    const { value, thresholds } = pca;
    const usual =
      thresholds === undefined ? '' : `, usual is ${thresholds.low.toFixed(3)} to ${thresholds.high.toFixed(3)}`;
    lines.push(
      `pca: ${outcome(pca)}${value === undefined ? '' : `, reconstruction error ${value.toFixed(3)}${usual}`}`,
    );
  }
  if (classifier !== undefined) {
    const { value, standard_error = 0 } = classifier;
    const found = value === undefined ? '' : `, AUROC ${value.toFixed(3)} ±${standard_error.toFixed(3)} (0.5: none)`;
    lines.push(`classifier: ${outcome(classifier)}${found}`);
  }
  return lines.join('\n');
}

function outcome({ verdict, rows: { reference, current } }: { verdict: string; rows: z.infer<typeof rows> }): string {
  return `${verdict === 'noData' ? 'no data' : verdict} (${current} rows against ${reference})`;
}
