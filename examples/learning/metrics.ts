/** Share of the rows whose most probable class is the right one. */
export function accuracy(probabilities: Float32Array, classes: Uint8Array): number {
  const width = probabilities.length / classes.length;
  let right = 0;
  for (let row = 0; row < classes.length; row++) {
    let best = 0;
    for (let j = 1; j < width; j++) if (probabilities[row * width + j] > probabilities[row * width + best]) best = j;
    if (best === classes[row]) right++;
  }
  return right / classes.length;
}

/** Mean of -ln(probability of the right class); lower is better. */
export function logLoss(probabilities: Float32Array, classes: Uint8Array): number {
  const width = probabilities.length / classes.length;
  let loss = 0;
  for (let row = 0; row < classes.length; row++) {
    loss -= Math.log(Math.max(probabilities[row * width + classes[row]], 1e-12));
  }
  return loss / classes.length;
}

/** Chance that a random positive scores above a random negative (ties count half): the area under the ROC curve. */
export function areaUnderCurve(scores: Float32Array, classes: Uint8Array): number {
  const order = Uint32Array.from(scores, (_, i) => i).sort((a, b) => scores[a] - scores[b]);
  let positives = 0;
  let rankSum = 0;
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && scores[order[end]] === scores[order[start]]) end++;
    const rank = (start + 1 + end) / 2;
    for (let i = start; i < end; i++) {
      if (classes[order[i]] !== 1) continue;
      positives++;
      rankSum += rank;
    }
    start = end;
  }
  const negatives = order.length - positives;
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}

export interface CalibrationBin {
  readonly rows: number;
  readonly mean_score: number;
  readonly positive_share: number;
}

/** Rows sorted by score and cut into bins of equal size: in a calibrated model both columns of a bin agree. */
export function calibration(scores: Float32Array, classes: Uint8Array, bins: number): CalibrationBin[] {
  const order = Uint32Array.from(scores, (_, i) => i).sort((a, b) => scores[a] - scores[b]);
  return Array.from({ length: bins }, (_, bin) => {
    const members = order.subarray(
      Math.floor((bin * order.length) / bins),
      Math.floor(((bin + 1) * order.length) / bins),
    );
    let score = 0;
    let positive = 0;
    for (const row of members) {
      score += scores[row];
      positive += classes[row];
    }
    return { rows: members.length, mean_score: score / members.length, positive_share: positive / members.length };
  });
}

/** Expected calibration error: how far the bins' two columns lie apart, weighted by rows. */
export function calibrationError(bins: readonly CalibrationBin[]): number {
  const rows = bins.reduce((sum, bin) => sum + bin.rows, 0);
  return bins.reduce((sum, bin) => sum + (bin.rows / rows) * Math.abs(bin.mean_score - bin.positive_share), 0);
}
