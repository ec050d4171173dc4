import { activationBuffers, type DenseNetwork, forward, type LabelledRows } from './network.js';
import { shuffledIndices } from './random.js';

export interface TrainingPlan {
  readonly epochs: number;
  readonly batch_rows: number;
  /** Falls along a half cosine to a hundredth of itself. */
  readonly learning_rate: number;
  /** Share of its size by which a weight shrinks in a step, per unit of learning rate. */
  readonly weight_decay: number;
  readonly random: () => number;
  readonly onEpoch?: (epoch: number, log_loss: number) => void;
}

const FIRST_MOMENT = 0.9;
const SECOND_MOMENT = 0.999;

/** A tensor that learns, with its gradient and the two running moments of Adam (Kingma and Ba, arXiv:1412.6980). */
interface Learner {
  readonly values: Float32Array;
  readonly gradient: Float32Array;
  readonly first: Float32Array;
  readonly second: Float32Array;
  readonly decays: boolean;
}

function learner(values: Float32Array, decays: boolean): Learner {
  const zeros = () => new Float32Array(values.length);
  return { values, gradient: zeros(), first: zeros(), second: zeros(), decays };
}

/** Trains in place by mini-batches on the log loss. The same rows, plan and random numbers give the same weights, bit by bit. */
export function trainNetwork(network: DenseNetwork, rows: LabelledRows, plan: TrainingPlan): void {
  const { width } = rows;
  const count = rows.classes.length;
  const activations = activationBuffers(network, plan.batch_rows);
  const deltas = activationBuffers(network, plan.batch_rows);
  const learners = network.layers.map((layer) => [learner(layer.weights, true), learner(layer.bias, false)] as const);
  const batch = { features: new Float32Array(plan.batch_rows * width), classes: new Uint8Array(plan.batch_rows) };
  const steps = plan.epochs * Math.ceil(count / plan.batch_rows);
  let step = 0;
  for (let epoch = 1; epoch <= plan.epochs; epoch++) {
    const order = shuffledIndices(count, plan.random);
    let loss = 0;
    for (let start = 0; start < count; start += plan.batch_rows) {
      const size = Math.min(plan.batch_rows, count - start);
      for (let i = 0; i < size; i++) {
        const row = order[start + i];
        for (let j = 0; j < width; j++) batch.features[i * width + j] = rows.features[row * width + j];
        batch.classes[i] = rows.classes[row];
      }
      forward(network, batch.features, size, activations);
      loss += outputDeltas(activations[activations.length - 1], batch.classes, size, deltas[deltas.length - 1]);
      backward(network, activations, deltas, size, learners);
      step++;
      const rate = plan.learning_rate * (0.01 + 0.99 * (0.5 + 0.5 * Math.cos((Math.PI * step) / steps)));
      for (const pair of learners) for (const one of pair) adamStep(one, step, rate, plan.weight_decay);
    }
    plan.onEpoch?.(epoch, loss / count);
  }
}

/** The gradient of the mean log loss with respect to the logits; returns the sum of the losses. */
function outputDeltas(probabilities: Float32Array, classes: Uint8Array, count: number, deltas: Float32Array): number {
  const width = probabilities.length / classes.length;
  let loss = 0;
  for (let row = 0; row < count; row++) {
    const start = row * width;
    for (let j = 0; j < width; j++) deltas[start + j] = probabilities[start + j] / count;
    const right = start + classes[row];
    deltas[right] -= 1 / count;
    loss -= Math.log(Math.max(probabilities[right], 1e-12));
  }
  return loss;
}

function backward(
  network: DenseNetwork,
  activations: readonly Float32Array[],
  deltas: readonly Float32Array[],
  count: number,
  learners: readonly (readonly [Learner, Learner])[],
): void {
  for (let index = network.layers.length - 1; index >= 0; index--) {
    const { inputs, outputs, weights } = network.layers[index];
    const [weightLearner, biasLearner] = learners[index];
    const from = activations[index];
    const below = deltas[index];
    const delta = deltas[index + 1];
    weightLearner.gradient.fill(0);
    biasLearner.gradient.fill(0);
    for (let row = 0; row < count; row++) {
      const start = row * outputs;
      for (let j = 0; j < outputs; j++) biasLearner.gradient[j] += delta[start + j];
      for (let i = 0; i < inputs; i++) {
        const value = from[row * inputs + i];
        // ReLU lets nothing back through a unit that gave nought; the first layer has nothing below it.
        if (index > 0 && value === 0) {
          below[row * inputs + i] = 0;
          continue;
        }
        const weightRow = i * outputs;
        let sum = 0;
        for (let j = 0; j < outputs; j++) {
          weightLearner.gradient[weightRow + j] += value * delta[start + j];
          sum += weights[weightRow + j] * delta[start + j];
        }
        below[row * inputs + i] = sum;
      }
    }
  }
}

function adamStep(one: Learner, step: number, rate: number, decay: number): void {
  const { values, gradient, first, second } = one;
  const firstBias = 1 - FIRST_MOMENT ** step;
  const secondBias = 1 - SECOND_MOMENT ** step;
  const shrink = one.decays ? 1 - rate * decay : 1;
  for (let i = 0; i < values.length; i++) {
    first[i] = FIRST_MOMENT * first[i] + (1 - FIRST_MOMENT) * gradient[i];
    second[i] = SECOND_MOMENT * second[i] + (1 - SECOND_MOMENT) * gradient[i] * gradient[i];
    const move = first[i] / firstBias / (Math.sqrt(second[i] / secondBias) + 1e-8);
    values[i] = values[i] * shrink - rate * move;
  }
}
