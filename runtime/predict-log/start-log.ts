import { PredictionLog } from './prediction-log.js';
import type { OverflowPolicy, SpoolLog, SyncPolicy } from './spool-options.js';

/** What the node is told about its prediction log. */
export interface PredictionSettings {
  readonly data_dir: string;
  readonly node_name: string;
  readonly log_spool_bytes: number;
  readonly log_overflow: OverflowPolicy;
  readonly log_fsync: SyncPolicy;
  readonly log_fsync_ms: number;
  /** '': the key of the data folder. */
  readonly log_hash_key: string;
}

export interface RunningLog {
  readonly predictions: PredictionLog;
  /** After the last answer. */
  stop(): Promise<void>;
}

/** Opens the spool before the first request. Throws INVALID_CONFIG when another process uses it. */
export function startLog(settings: PredictionSettings, log: SpoolLog): RunningLog {
  const predictions = new PredictionLog({
    data_dir: settings.data_dir,
    node: settings.node_name,
    spool_bytes: settings.log_spool_bytes,
    overflow: settings.log_overflow,
    sync: settings.log_fsync,
    sync_ms: settings.log_fsync_ms,
    hash_key: settings.log_hash_key,
    log,
  });
  return { predictions, stop: () => predictions.close() };
}
