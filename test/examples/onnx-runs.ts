import { InferenceSession, Tensor } from 'onnxruntime-node';

/** Runs a model of the examples: `features` in, `probabilities` out. */
export async function runClassifier(onnx: Uint8Array, features: Float32Array, width: number): Promise<Float32Array> {
  const session = await InferenceSession.create(onnx, { intraOpNumThreads: 1 });
  try {
    const rows = features.length / width;
    const results = await session.run({ features: new Tensor('float32', features, [rows, width]) });
    return floats(results['probabilities']);
  } finally {
    await session.release();
  }
}

export function floats(tensor: Tensor | undefined): Float32Array {
  if (tensor?.data instanceof Float32Array) return tensor.data;
  throw new TypeError('the model gave no FP32 tensor');
}

/** The largest difference between two rows of numbers. */
export function largestDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  return a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - b[i])), 0);
}
