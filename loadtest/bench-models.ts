import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { seededRandom } from '../examples/learning/random.js';
import { encodeOnnx, type GraphConstant, type GraphNode } from '../examples/onnx/graph.js';

/** Softmax networks with seeded random weights: `small` is all overhead, `mid` is all arithmetic. */
const NETWORKS = { small: [32, 64, 64, 3], mid: [256, 1024, 1024, 10] } as const;

export type BenchModel = keyof typeof NETWORKS;

export function inputWidth(model: BenchModel): number {
  return NETWORKS[model][0];
}

export async function writeBenchModels(directory: string): Promise<void> {
  for (const [name, widths] of Object.entries(NETWORKS)) {
    await mkdir(join(directory, name, '1'), { recursive: true });
    await writeFile(join(directory, name, '1', 'model.onnx'), network(name, widths));
  }
}

function network(name: string, widths: readonly number[]): Uint8Array {
  const random = seededRandom(1);
  const constants: GraphConstant[] = [];
  const nodes: GraphNode[] = [];
  let from = 'input';
  for (let layer = 0; layer + 1 < widths.length; layer++) {
    const [ins, outs] = [widths[layer], widths[layer + 1]];
    const last = layer + 2 === widths.length;
    const weights = Float32Array.from({ length: ins * outs }, () => (random() - 0.5) * Math.sqrt(12 / ins));
    constants.push({ name: `W${layer}`, shape: [ins, outs], values: weights });
    constants.push({ name: `b${layer}`, shape: [outs], values: new Float32Array(outs) });
    nodes.push({ operator: 'Gemm', inputs: [from, `W${layer}`, `b${layer}`], outputs: [`g${layer}`] });
    const to = last ? 'output' : `h${layer}`;
    nodes.push({
      operator: last ? 'Softmax' : 'Relu',
      inputs: [`g${layer}`],
      outputs: [to],
      ...(last ? { attributes: { axis: 1 } } : {}),
    });
    from = to;
  }
  const output = widths[widths.length - 1];
  return encodeOnnx({
    name,
    description: 'a network with random weights, for benchmarks',
    inputs: [{ name: 'input', shape: ['batch', widths[0]] }],
    outputs: [{ name: 'output', shape: ['batch', output] }],
    constants,
    nodes,
    facts: {},
  });
}
