import { areaUnderCurve, calibration, calibrationError, logLoss } from '../learning/metrics.js';
import { createNetwork, type DenseNetwork, predict } from '../learning/network.js';
import { networkGraph } from '../learning/network-graph.js';
import { seededRandom } from '../learning/random.js';
import { trainNetwork } from '../learning/training.js';
import { encodeOnnx } from '../onnx/graph.js';
import { EPOCH_MS, type FlightTable } from './data.js';
import { FEATURES, type FlightEncoding } from './features.js';
import { encodeFlights, splitFlights } from './training-set.js';

export interface FlightTraining {
  /** Flights that leave from this minute on are held out. */
  readonly split_min: number;
  /** Chance of each earlier flight to be trained on. */
  readonly keep: number;
  readonly epochs: number;
  readonly seed: number;
  readonly report: (line: string) => void;
}

/** Trained on January to May 2001, held out: June. */
export const SPLIT_MIN = (Date.UTC(2001, 5, 1) - EPOCH_MS) / 60_000;

export const FLIGHT_TRAINING: Omit<FlightTraining, 'report'> = { split_min: SPLIT_MIN, keep: 0.16, epochs: 3, seed: 7 };

export interface FlightMetrics {
  readonly trained_flights: number;
  readonly held_out_flights: number;
  readonly late_share: number;
  readonly auc: number;
  readonly log_loss: number;
  /** Log loss of the one best constant answer: what the model has to beat. */
  readonly constant_log_loss: number;
  readonly calibration_error: number;
  readonly calibration: readonly { readonly mean_score: number; readonly late_share: number }[];
}

export interface TrainedFlights {
  readonly network: DenseNetwork;
  readonly encoding: FlightEncoding;
  readonly metrics: FlightMetrics;
  readonly onnx: Uint8Array;
}

const HIDDEN = [32, 16];

/** Trains the delay classifier and measures it on the held-out flights. The same table and plan give the same bytes. */
export function trainFlights(table: FlightTable, plan: FlightTraining): TrainedFlights {
  const random = seededRandom(plan.seed);
  const encoding = encodeFlights(table, plan.split_min);
  const { training, held_out } = splitFlights(table, encoding, plan.split_min, plan.keep, random);
  plan.report(`${training.classes.length} flights to train on, ${held_out.classes.length} held out`);
  const network = createNetwork([FEATURES.length, ...HIDDEN, 2], training, random);
  trainNetwork(network, training, {
    epochs: plan.epochs,
    batch_rows: 256,
    learning_rate: 0.004,
    weight_decay: 0.01,
    random,
    onEpoch: (epoch, loss) => plan.report(`epoch ${epoch}/${plan.epochs}: log loss ${loss.toFixed(4)}`),
  });
  const metrics = measure(predict(network, held_out.features), held_out.classes, training.classes);
  plan.report(`held out: AUC ${metrics.auc.toFixed(3)}, log loss ${metrics.log_loss.toFixed(4)}`);
  return { network, encoding, metrics, onnx: encodeOnnx(flightsGraph(network, metrics)) };
}

function flightsGraph(network: DenseNetwork, metrics: FlightMetrics) {
  return networkGraph(network, {
    name: 'flights',
    description: 'Chance that a flight arrives more than 15 minutes late, from what is known at its departure',
    input: 'features',
    output: 'probabilities',
    facts: { features: FEATURES.join(','), held_out_auc: metrics.auc.toFixed(4) },
  });
}

function measure(probabilities: Float32Array, classes: Uint8Array, trained: Uint8Array): FlightMetrics {
  const scores = Float32Array.from(classes, (_, row) => probabilities[row * 2 + 1]);
  const late_share = lateShare(classes);
  const guess = lateShare(trained);
  const bins = calibration(scores, classes, 10);
  return {
    trained_flights: trained.length,
    held_out_flights: classes.length,
    late_share,
    auc: areaUnderCurve(scores, classes),
    log_loss: logLoss(probabilities, classes),
    constant_log_loss: -late_share * Math.log(guess) - (1 - late_share) * Math.log(1 - guess),
    calibration_error: calibrationError(bins),
    calibration: bins.map((bin) => ({ mean_score: bin.mean_score, late_share: bin.positive_share })),
  };
}

function lateShare(classes: Uint8Array): number {
  return classes.reduce((sum, one) => sum + one, 0) / classes.length;
}
