import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, sep } from 'node:path';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { type GraphModel, loadGraphModel } from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, loadLayersModel } from '@tensorflow/tfjs-layers';
import { readTfjsFile, type TfjsFile } from '../../model/tfjs-file.js';
import { needsAsynchronousRun } from '../../model/tfjs-graph.js';
import type { LoadOrder, WorkerTensor } from '../messages.js';
import type { Backend, BackendSession, BackendTensor } from './backend.js';
import { namedTensors, readTensors } from './tfjs-tensors.js';

/** TensorFlow.js on its WebAssembly kernels: one library, and one memory of tensors, in each worker thread. */
export const tensorflowJsBackend: Backend = {
  async load(order: LoadOrder): Promise<BackendSession> {
    await startKernels();
    const known = [...order.inputs, ...order.outputs].map(({ name, shape }) => [name, shape] as const);
    const file = readTfjsFile(order.artefact, new Map(known));
    const handler = { load: () => artefactsOf(order.artefact, file) };
    if (file.kind === 'layers') return new LayersSession(await loadLayersModel(handler), file, order.outputs);
    const model = await loadGraphModel(handler);
    return new GraphSession(model, needsAsynchronousRun(file.model), order.outputs);
  },
};

let kernels: Promise<void> | undefined;

/** Once in a thread. A failed start is told to each model that asks: the library keeps no half-started kernels. */
function startKernels(): Promise<void> {
  kernels ??= loadKernels();
  return kernels;
}

async function loadKernels(): Promise<void> {
  const entry = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
  setWasmPaths(dirname(entry) + sep);
  tf.enableProdMode();
  if (!(await tf.setBackend('wasm')))
    throw new Error('the WebAssembly kernels of @tensorflow/tfjs-backend-wasm do not start here');
  await tf.ready();
}

async function artefactsOf(artefact: string, file: TfjsFile): Promise<tf.io.ModelArtifacts> {
  const json: tf.io.ModelJSON = JSON.parse(await readFile(artefact, 'utf8'));
  const parts = await Promise.all(file.shards.map((shard) => readFile(shard)));
  const joined = new Uint8Array(parts.reduce((bytes, part) => bytes + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return tf.io.getModelArtifactsForJSON(json, async (manifest) => [
    manifest.flatMap((group) => group.weights),
    joined.buffer,
  ]);
}

class GraphSession implements BackendSession {
  readonly device = 'cpu';
  readonly #model: GraphModel;
  readonly #asynchronous: boolean;
  readonly #promised: readonly WorkerTensor[];

  constructor(model: GraphModel, asynchronous: boolean, promised: readonly WorkerTensor[]) {
    this.#model = model;
    this.#promised = promised;
    this.#asynchronous = asynchronous;
  }

  run(inputs: readonly BackendTensor[], wanted: readonly string[]): BackendTensor[] | Promise<BackendTensor[]> {
    if (this.#asynchronous) return this.#runAsynchronously(inputs, wanted);
    return within(() => readTensors(this.#model.execute(namedTensors(inputs), [...wanted]), wanted, this.#promised));
  }

  release(): void {
    this.#model.dispose();
  }

  /** The library frees what is in between by itself; inputs and results are left to the caller. */
  async #runAsynchronously(inputs: readonly BackendTensor[], wanted: readonly string[]): Promise<BackendTensor[]> {
    const feeds = namedTensors(inputs);
    let results: tf.Tensor | tf.Tensor[] = [];
    try {
      results = await this.#model.executeAsync(feeds, [...wanted]);
      return readTensors(results, wanted, this.#promised);
    } finally {
      // A graph that hands an input on gives it back as the same tensor: disposing twice is harmless, the second does nothing.
      tf.dispose(results);
      tf.dispose(feeds);
    }
  }
}

class LayersSession implements BackendSession {
  readonly device = 'cpu';
  readonly #model: LayersModel;
  readonly #inputs: readonly string[];
  readonly #outputs: readonly string[];
  readonly #promised: readonly WorkerTensor[];

  constructor(model: LayersModel, { signature }: TfjsFile, promised: readonly WorkerTensor[]) {
    this.#model = model;
    this.#promised = promised;
    this.#inputs = signature.inputs.map(({ name }) => name);
    this.#outputs = signature.outputs.map(({ name }) => name);
  }

  /** Not `predict`, which cuts what it gets into batches of 32. */
  run(inputs: readonly BackendTensor[], wanted: readonly string[]): BackendTensor[] {
    return within(() => {
      const feeds = namedTensors(inputs);
      const results = this.#model.predictOnBatch(this.#inputs.map((name) => feeds[name]));
      const tensors = Array.isArray(results) ? results : [results];
      const chosen = wanted.map((name) => tensors[this.#outputs.indexOf(name)]);
      return readTensors(chosen, wanted, this.#promised);
    });
  }

  release(): void {
    this.#model.dispose();
  }
}

/** Like the library's `tidy`, for work that gives something else than tensors: what it made is freed, also when it fails. */
function within<Result>(work: () => Result): Result {
  const engine = tf.engine();
  engine.startScope();
  try {
    return work();
  } finally {
    engine.endScope();
  }
}
