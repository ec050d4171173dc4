/** One fully connected layer: `outputs = inputs × weights + bias`, weights row by row, a row for each input. */
export interface DenseLayer {
  readonly inputs: number;
  readonly outputs: number;
  readonly weights: Float32Array;
  readonly bias: Float32Array;
}

/** A classifier: standardises its features, then dense layers with ReLU between them and a softmax at the end. */
export interface DenseNetwork {
  readonly mean: Float32Array;
  /** One over the standard deviation. */
  readonly scale: Float32Array;
  readonly layers: readonly DenseLayer[];
}

/** Rows of features, one after the other, and the class of each row. */
export interface LabelledRows {
  readonly features: Float32Array;
  readonly classes: Uint8Array;
  readonly width: number;
}

/** Random weights as He and others propose for ReLU (uniform, variance 2 / inputs); the standardisation is that of `rows`. */
export function createNetwork(sizes: readonly number[], rows: LabelledRows, random: () => number): DenseNetwork {
  const layers = sizes.slice(1).map((outputs, i) => {
    const inputs = sizes[i];
    const bound = Math.sqrt(6 / inputs);
    const weights = Float32Array.from({ length: inputs * outputs }, () => (random() * 2 - 1) * bound);
    return { inputs, outputs, weights, bias: new Float32Array(outputs) };
  });
  return { ...standardisation(rows), layers };
}

function standardisation({ features, width }: LabelledRows): { mean: Float32Array; scale: Float32Array } {
  const count = features.length / width;
  const mean = new Float32Array(width);
  const scale = new Float32Array(width);
  for (let column = 0; column < width; column++) {
    let sum = 0;
    let squares = 0;
    for (let i = column; i < features.length; i += width) {
      sum += features[i];
      squares += features[i] * features[i];
    }
    const middle = sum / count;
    const deviation = Math.sqrt(Math.max(squares / count - middle * middle, 0));
    mean[column] = middle;
    // A constant column carries nothing: any finite scale will do, and one over nought would not.
    scale[column] = deviation > 1e-6 ? 1 / deviation : 1;
  }
  return { mean, scale };
}

/** Buffers of a forward pass over up to `capacity` rows: the standardised features, then what each layer gives. */
export function activationBuffers(network: DenseNetwork, capacity: number): Float32Array[] {
  return [network.mean.length, ...network.layers.map((layer) => layer.outputs)].map(
    (width) => new Float32Array(width * capacity),
  );
}

/** Fills `activations`; the last one then holds the probabilities of each class. */
export function forward(
  network: DenseNetwork,
  features: Float32Array,
  count: number,
  activations: readonly Float32Array[],
): void {
  const { mean, scale, layers } = network;
  const width = mean.length;
  const first = activations[0];
  for (let i = 0; i < count * width; i++) first[i] = (features[i] - mean[i % width]) * scale[i % width];
  for (let index = 0; index < layers.length; index++) {
    const hidden = index < layers.length - 1;
    applyLayer(layers[index], activations[index], count, activations[index + 1], hidden);
  }
  softmaxRows(activations[layers.length], count, layers[layers.length - 1].outputs);
}

function applyLayer(layer: DenseLayer, from: Float32Array, count: number, to: Float32Array, rectify: boolean): void {
  const { inputs, outputs, weights, bias } = layer;
  for (let row = 0; row < count; row++) {
    const start = row * outputs;
    to.set(bias, start);
    for (let i = 0; i < inputs; i++) {
      const value = from[row * inputs + i];
      if (value === 0) continue;
      const weightRow = i * outputs;
      for (let j = 0; j < outputs; j++) to[start + j] += value * weights[weightRow + j];
    }
    if (!rectify) continue;
    for (let j = start; j < start + outputs; j++) if (to[j] < 0) to[j] = 0;
  }
}

function softmaxRows(values: Float32Array, count: number, width: number): void {
  for (let start = 0; start < count * width; start += width) {
    let highest = values[start];
    for (let j = start + 1; j < start + width; j++) highest = Math.max(highest, values[j]);
    let sum = 0;
    for (let j = start; j < start + width; j++) {
      values[j] = Math.exp(values[j] - highest);
      sum += values[j];
    }
    for (let j = start; j < start + width; j++) values[j] /= sum;
  }
}

/** The probabilities of each class, row by row. */
export function predict(network: DenseNetwork, features: Float32Array): Float32Array {
  const width = network.mean.length;
  const count = features.length / width;
  const classes = network.layers[network.layers.length - 1].outputs;
  const probabilities = new Float32Array(count * classes);
  const chunk = Math.min(count, 1024);
  const activations = activationBuffers(network, chunk);
  for (let row = 0; row < count; row += chunk) {
    const rows = Math.min(chunk, count - row);
    forward(network, features.subarray(row * width, (row + rows) * width), rows, activations);
    probabilities.set(activations[activations.length - 1].subarray(0, rows * classes), row * classes);
  }
  return probabilities;
}
