import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve, sep } from 'node:path';
import { z } from 'zod';
import { TidegateError } from '../../contract/error.js';
import type { ModelSignature } from '../../contract/signature.js';
import type { KnownShapes } from './onnx-file.js';
import { type TfjsModel, TfjsModelSchema, type WeightGroup } from './tfjs-format.js';
import { graphSignature } from './tfjs-graph.js';
import { layersSignature } from './tfjs-layers.js';

export type TfjsKind = 'graph' | 'layers';

export interface TfjsFile {
  readonly kind: TfjsKind;
  readonly model: TfjsModel;
  readonly signature: ModelSignature;
  /** Files of weights, in the order in which their bytes follow each other. */
  readonly shards: readonly string[];
  /** Of `model.json` and the shards. */
  readonly bytes: number;
}

/** Bytes of one element as the shards hold it; of strings it is not known before they are read. */
const WEIGHT_BYTES: ReadonlyMap<string, number> = new Map([
  ['float32', 4],
  ['int32', 4],
  ['bool', 1],
  ['complex64', 8],
  ['float16', 2],
  ['uint16', 2],
  ['uint8', 1],
]);

/** Reads a `model.json` and looks at its shards, without loading them. Throws a TidegateError that says what is wrong. */
export function readTfjsFile(path: string, shapes: KnownShapes = new Map()): TfjsFile {
  const { model, bytes } = readModelJson(path);
  const kind = kindOf(model, path);
  const signature = kind === 'graph' ? graphSignature(model, shapes) : layersSignature(model, shapes);
  const shards: string[] = [];
  let weight_bytes = 0;
  for (const group of model.weightsManifest) {
    const files = group.paths.map((shard) => shardPath(path, shard));
    weight_bytes += checkShards(group, files);
    shards.push(...files);
  }
  return { kind, model, signature, shards, bytes: bytes + weight_bytes };
}

function readModelJson(path: string): { model: TfjsModel; bytes: number } {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw refused(`cannot read ${path}: ${messageOf(cause)}`, cause);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw refused(`${path} is not whole, or not JSON: ${messageOf(cause)}`, cause);
  }
  const parsed = TfjsModelSchema.safeParse(value);
  if (!parsed.success)
    throw refused(`${path} is no model of TensorFlow.js: ${z.prettifyError(parsed.error)}`, parsed.error);
  return { model: parsed.data, bytes: Buffer.byteLength(text) };
}

function kindOf(model: TfjsModel, path: string): TfjsKind {
  if (model.format === 'graph-model') return 'graph';
  if (model.format === 'layers-model') return 'layers';
  const topology = model.modelTopology;
  if (typeof topology === 'object' && topology !== null) {
    // Early converters wrote no format.
    if ('node' in topology) return 'graph';
    if ('model_config' in topology || 'class_name' in topology) return 'layers';
  }
  throw refused(
    `${path} has format '${model.format ?? ''}' and a topology of neither a GraphModel nor a LayersModel of TensorFlow.js`,
  );
}

/** A path in the file must not lead out of the directory of the version. */
function shardPath(artefact: string, shard: string): string {
  const directory = dirname(artefact);
  const path = resolve(directory, shard);
  if (!path.startsWith(directory + sep)) throw refused(`weights '${shard}' lie outside of the version's directory`);
  return path;
}

/** Returns the bytes of the group. A file that is still being copied is shorter than what the weights need. */
function checkShards({ paths, weights }: WeightGroup, files: readonly string[]): number {
  let bytes = 0;
  files.forEach((file, index) => {
    const stats = statSync(file, { throwIfNoEntry: false });
    if (stats?.isFile() !== true)
      throw refused(`weights '${paths[index]}' are missing: copy the file beside model.json`);
    bytes += stats.size;
  });
  let expected = 0;
  for (const { shape, dtype, quantization } of weights) {
    const width = WEIGHT_BYTES.get(quantization?.dtype ?? dtype);
    if (width === undefined) return bytes;
    expected += shape.reduce((product, dim) => product * dim, width);
  }
  if (bytes === expected) return bytes;
  const names = paths.map((path) => `'${path}'`).join(', ');
  throw refused(`weights ${names} have ${bytes} bytes, model.json describes ${expected}: copy the files again`);
}

function refused(reason: string, cause?: unknown): TidegateError {
  return new TidegateError('MODEL_LOAD_FAILED', reason, { cause });
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
