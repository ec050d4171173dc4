import type { Graph, GraphConstant, GraphNode } from '../../examples/onnx/graph.js';

/** Puts a network together node by node, with random weights that are the same every time. */
export class NetworkBuilder {
  readonly #nodes: GraphNode[] = [];
  readonly #constants: GraphConstant[] = [];
  #state = 0x2545f491;
  #names = 0;

  /** Adds a node and returns the name of its result. */
  node(operator: string, inputs: readonly string[], attributes?: GraphNode['attributes']): string {
    const output = `${operator.toLowerCase()}_${this.#names++}`;
    this.#nodes.push({ operator, inputs, outputs: [output], ...(attributes === undefined ? {} : { attributes }) });
    return output;
  }

  /** Weights spread so that what goes through them keeps its size: `fan_in` values are added up for each result. */
  weights(shape: readonly number[], fan_in: number, gain = 1): string {
    const elements = shape.reduce((product, dim) => product * dim, 1);
    const spread = gain * Math.sqrt(3 / fan_in);
    return this.constant(
      shape,
      Float32Array.from({ length: elements }, () => spread * (2 * this.#random() - 1)),
    );
  }

  filled(shape: readonly number[], value: number): string {
    const elements = shape.reduce((product, dim) => product * dim, 1);
    return this.constant(shape, new Float32Array(elements).fill(value));
  }

  integers(...values: number[]): string {
    return this.constant([values.length], BigInt64Array.from(values, BigInt));
  }

  constant(shape: readonly number[], values: Float32Array | BigInt64Array): string {
    const name = `constant_${this.#names++}`;
    this.#constants.push({ name, shape, values });
    return name;
  }

  /** The whole, from `x` to what the last node gives, which is called `y`. */
  finish(name: string, input: readonly number[], last: string, output: readonly number[]): Graph {
    this.#nodes.push({ operator: 'Identity', inputs: [last], outputs: ['y'] });
    return {
      name,
      description: `${name} with random weights, for measurements`,
      inputs: [{ name: 'x', shape: ['batch', ...input] }],
      outputs: [{ name: 'y', shape: ['batch', ...output] }],
      constants: this.#constants,
      nodes: this.#nodes,
      facts: {},
    };
  }

  /** Marsaglia's xorshift of 32 bits. */
  #random(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return (state >>> 0) / 2 ** 32;
  }
}
