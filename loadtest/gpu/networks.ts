import type { Graph } from '../../examples/onnx/graph.js';
import { NetworkBuilder } from './network-builder.js';

export interface Network {
  readonly title: string;
  /** Values of one row. */
  readonly row: readonly number[];
  readonly batches: readonly number[];
  build(): Graph;
}

/** What is measured: one that a GPU hardly notices, one of convolutions, one of matrices. */
export const NETWORKS: Readonly<Record<string, Network>> = {
  small: { title: 'small, 32-64-64-3', row: [32], batches: [1, 32, 128, 1024], build: smallNetwork },
  residual: {
    title: 'residual, the size of ResNet-50',
    row: [3, 224, 224],
    batches: [1, 8, 32],
    build: residualNetwork,
  },
  encoder: {
    title: 'transformer encoder, 6 layers of 384, 128 tokens',
    row: [128, 384],
    batches: [1, 8, 32],
    build: encoderNetwork,
  },
};

function smallNetwork(): Graph {
  const net = new NetworkBuilder();
  let width = 32;
  let at = 'x';
  for (const next of [64, 64, 3]) {
    at = net.node('Gemm', [at, net.weights([width, next], width), net.filled([next], 0.1)]);
    if (next !== 3) at = net.node('Relu', [at]);
    width = next;
  }
  return net.finish('small', [32], net.node('Softmax', [at]), [3]);
}

interface Convolution {
  readonly from: number;
  readonly to: number;
  readonly kernel: number;
  readonly stride: number;
  /** Below 1 where the result is added to what goes around it: sixteen such sums would grow beyond all bounds. */
  readonly gain?: number;
}

function convolve(net: NetworkBuilder, x: string, { from, to, kernel, stride, gain = 1 }: Convolution): string {
  const weights = net.weights([to, from, kernel, kernel], from * kernel * kernel, gain);
  const pad = (kernel - 1) / 2;
  const attributes = { kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [pad, pad, pad, pad] };
  return net.node('Conv', [x, weights, net.filled([to], 0.01)], attributes);
}

/** Stages of 3, 4, 6 and 3 bottlenecks, as in He et al. 2015, with normalisation folded into the convolutions: 25 million weights. */
function residualNetwork(): Graph {
  const net = new NetworkBuilder();
  let at = net.node('Relu', [convolve(net, 'x', { from: 3, to: 64, kernel: 7, stride: 2 })]);
  at = net.node('MaxPool', [at], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
  let from = 64;
  for (const [stage, blocks] of [3, 4, 6, 3].entries()) {
    const inner = 64 * 2 ** stage;
    const to = inner * 4;
    for (let block = 0; block < blocks; block++) {
      const stride = block === 0 && stage > 0 ? 2 : 1;
      const narrow = net.node('Relu', [convolve(net, at, { from, to: inner, kernel: 1, stride: 1 })]);
      const looked = net.node('Relu', [convolve(net, narrow, { from: inner, to: inner, kernel: 3, stride })]);
      const wide = convolve(net, looked, { from: inner, to, kernel: 1, stride: 1, gain: 0.3 });
      const around = block === 0 ? convolve(net, at, { from, to, kernel: 1, stride }) : at;
      at = net.node('Relu', [net.node('Add', [wide, around])]);
      from = to;
    }
  }
  const flat = net.node('Flatten', [net.node('GlobalAveragePool', [at])], { axis: 1 });
  const y = net.node('Gemm', [flat, net.weights([2048, 1000], 2048), net.filled([1000], 0)]);
  return net.finish('residual', [3, 224, 224], y, [1000]);
}

const LAYERS = 6;
const WIDTH = 384;
const TOKENS = 128;
const HEADS = 6;

/** Normalisation after each sum, attention over all tokens: 11 million weights. */
function encoderNetwork(): Graph {
  const net = new NetworkBuilder();
  let at = 'x';
  for (let layer = 0; layer < LAYERS; layer++) {
    at = normalise(net, net.node('Add', [at, attend(net, at)]));
    const inner = linear(net, at, WIDTH, WIDTH * 4);
    at = normalise(net, net.node('Add', [at, linear(net, gelu(net, inner), WIDTH * 4, WIDTH)]));
  }
  return net.finish('encoder', [TOKENS, WIDTH], at, [TOKENS, WIDTH]);
}

function linear(net: NetworkBuilder, x: string, from: number, to: number): string {
  return net.node('Add', [net.node('MatMul', [x, net.weights([from, to], from)]), net.filled([to], 0.01)]);
}

function normalise(net: NetworkBuilder, x: string): string {
  return net.node('LayerNormalization', [x, net.filled([WIDTH], 1), net.filled([WIDTH], 0)]);
}

function attend(net: NetworkBuilder, x: string): string {
  const shape = net.integers(0, TOKENS, HEADS, WIDTH / HEADS);
  const heads = (perm: readonly number[]) =>
    net.node('Transpose', [net.node('Reshape', [linear(net, x, WIDTH, WIDTH), shape])], { perm });
  const [query, key, value] = [heads([0, 2, 1, 3]), heads([0, 2, 3, 1]), heads([0, 2, 1, 3])];
  const scores = net.node('Mul', [net.node('MatMul', [query, key]), net.filled([1], Math.sqrt(HEADS / WIDTH))]);
  // The last axis by its number from the front: the writer has no negative numbers.
  const mixed = net.node('MatMul', [net.node('Softmax', [scores], { axis: 3 }), value]);
  const together = net.node('Reshape', [
    net.node('Transpose', [mixed], { perm: [0, 2, 1, 3] }),
    net.integers(0, TOKENS, WIDTH),
  ]);
  return linear(net, together, WIDTH, WIDTH);
}

/** Half of x times one plus the error function, as Hendrycks and Gimpel have it. */
function gelu(net: NetworkBuilder, x: string): string {
  const bent = net.node('Erf', [net.node('Mul', [x, net.filled([1], Math.SQRT1_2)])]);
  const half = net.node('Mul', [x, net.filled([1], 0.5)]);
  return net.node('Mul', [half, net.node('Add', [bent, net.filled([1], 1)])]);
}
