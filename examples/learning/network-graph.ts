import type { Graph, GraphConstant, GraphNode } from '../onnx/graph.js';
import type { DenseNetwork } from './network.js';

export interface NetworkFace {
  readonly name: string;
  readonly description: string;
  readonly input: string;
  readonly output: string;
  readonly facts: Readonly<Record<string, string>>;
}

/** The network as an ONNX graph: callers send features as they are measured, the graph standardises them itself. */
export function networkGraph(network: DenseNetwork, face: NetworkFace): Graph {
  const features = network.mean.length;
  const last = network.layers.length - 1;
  const constants: GraphConstant[] = [
    { name: 'mean', shape: [features], values: network.mean },
    { name: 'scale', shape: [features], values: network.scale },
  ];
  const nodes: GraphNode[] = [
    { operator: 'Sub', inputs: [face.input, 'mean'], outputs: ['centred'] },
    { operator: 'Mul', inputs: ['centred', 'scale'], outputs: ['standardised'] },
  ];
  let current = 'standardised';
  for (const [index, layer] of network.layers.entries()) {
    const [weights, bias, sum] = [`weights_${index}`, `bias_${index}`, `sum_${index}`];
    constants.push(
      { name: weights, shape: [layer.inputs, layer.outputs], values: layer.weights },
      { name: bias, shape: [layer.outputs], values: layer.bias },
    );
    nodes.push({ operator: 'Gemm', inputs: [current, weights, bias], outputs: [sum] });
    current = sum;
    if (index === last) break;
    current = `hidden_${index}`;
    nodes.push({ operator: 'Relu', inputs: [sum], outputs: [current] });
  }
  nodes.push({ operator: 'Softmax', inputs: [current], outputs: [face.output], attributes: { axis: 1 } });
  return {
    name: face.name,
    description: face.description,
    inputs: [{ name: face.input, shape: ['batch', features] }],
    outputs: [{ name: face.output, shape: ['batch', network.layers[last].outputs] }],
    constants,
    nodes,
    facts: face.facts,
  };
}
