import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LogLayout } from '../../contract/prediction-record.js';
import { SegmentReader } from '../../runtime/predict-log/segment-reader.js';
import { segmentsOf, spoolDirectory } from '../../runtime/predict-log/spool-directory.js';
import type { PredictionSettings } from '../../runtime/predict-log/start-log.js';
import { ConfigSchema } from '../../std/settings.js';
import { type Cleanup, modelFolder, temporaryFolder } from '../harness/checkout.js';
import { startRuntime, type TestRuntime } from '../harness/runtime.js';
import { type PlainRecord, plainOf } from './record-rig.js';

export const NODE = 'edge-1';

export interface SpoolRecord extends PlainRecord {
  readonly epoch: number;
  readonly layout: LogLayout;
  readonly share: number;
  readonly score: readonly number[];
  readonly class: readonly string[];
}

/** Everything that lies in a spool, oldest first. */
export function recordsIn(directory: string): SpoolRecord[] {
  const found: SpoolRecord[] = [];
  for (const { number, bytes } of segmentsOf(directory)) {
    const reader = SegmentReader.open(directory, number);
    for (let kind = reader.next(bytes, true); kind !== 'end'; kind = reader.next(bytes, true)) {
      if (kind !== 'prediction') continue;
      const { prediction } = reader;
      const rows = Array.from({ length: prediction.rows }, (_, row) => row);
      found.push({
        ...plainOf(prediction),
        epoch: reader.header.epoch,
        layout: prediction.layout.layout,
        share: prediction.share,
        score: rows.map((row) => prediction.score(row)),
        class: rows.map((row) => prediction.class(row)),
      });
    }
    reader.close();
  }
  return found;
}

export interface LoggingRuntime extends TestRuntime {
  readonly data_dir: string;
  readonly spool: string;
  records(): SpoolRecord[];
}

export interface LoggingOptions extends Partial<PredictionSettings> {
  /** Manifests by model: JSON is YAML. */
  readonly manifests?: Readonly<Record<string, unknown>>;
  /** Folder that the models are copied from. */
  readonly from?: string;
  /** Above 0: quick models run on the socket thread. */
  readonly inline_us?: number;
}

/** A node with these models that logs to a spool of its own. */
export async function startLogging(
  t: Cleanup,
  models: readonly string[],
  options: LoggingOptions = {},
): Promise<LoggingRuntime> {
  const { manifests = {}, from, inline_us = 0, ...settings } = options;
  const folder = await modelFolder(t, models, from);
  for (const [model, manifest] of Object.entries(manifests)) {
    await writeFile(join(folder, model, 'model.yaml'), JSON.stringify(manifest));
  }
  const data_dir = settings.data_dir ?? (await temporaryFolder(t, 'data'));
  const predictions: PredictionSettings = {
    ...ConfigSchema.parse({}),
    data_dir,
    node_name: NODE,
    log_spool_bytes: 64 * 1024 * 1024,
    log_overflow: 'drop_newest',
    log_fsync: 'never',
    log_fsync_ms: 100,
    log_hash_key: 'a key of the test',
    ...settings,
  };
  const runtime = await startRuntime(t, folder, { predictions, inline_us });
  const spool = spoolDirectory(data_dir, predictions.node_name);
  return { ...runtime, data_dir, spool, records: () => recordsIn(spool) };
}

export interface Answered {
  readonly status: number;
  /** Header `tidegate-log`, or '' where there was none. */
  readonly token: string;
  readonly request_id: string;
  readonly body: { readonly outputs?: readonly { readonly data: readonly unknown[] }[]; readonly code?: string };
}

export async function infer(
  url: string,
  model: string,
  request: unknown,
  headers: Record<string, string> = {},
): Promise<Answered> {
  const response = await fetch(`${url}/v2/models/${model}/infer`, {
    method: 'POST',
    body: JSON.stringify(request),
    headers,
  });
  return {
    status: response.status,
    token: response.headers.get('tidegate-log') ?? '',
    request_id: response.headers.get('tidegate-request-id') ?? '',
    body: JSON.parse(await response.text()),
  };
}
