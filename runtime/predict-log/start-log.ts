import { join } from 'node:path';
import { CLICKHOUSE_DEFAULTS } from '../../clickhouse/connection.js';
import { PredictionLog } from './prediction-log.js';
import { type Shipper, startShipper } from './ship/shipper.js';
import { BATCH_LIMITS } from './ship/shipping.js';
import { spoolDirectory } from './spool-directory.js';
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
  readonly log_ship_ms: number;
  readonly log_ship_rows_per_s: number;
  readonly log_spec_poll_ms: number;
  readonly log_dead_letter_bytes: number;
  /** '': the spool is filled, and shipped by a later life of the node. */
  readonly clickhouse_url: string;
  readonly clickhouse_user: string;
  readonly clickhouse_password: string;
  readonly clickhouse_database: string;
  readonly clickhouse_cluster: string;
  readonly clickhouse_ca_file: string;
}

export interface RunningLog {
  readonly predictions: PredictionLog;
  /** undefined: no ClickHouse is named. */
  readonly shipper: Shipper | undefined;
  /** After the last answer. */
  stop(): Promise<void>;
}

/** What is not shipped by then is shipped by the next life of the node. */
const STOP_MS = 5000;
/** One insert is in flight; the others are for questions. */
const CONNECTIONS = 2;

/** Opens the spool before the first request. `program`: version of this program. Throws INVALID_CONFIG when another process uses it. */
export function startLog(settings: PredictionSettings, program: string, log: SpoolLog): RunningLog {
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
  const shipper = settings.clickhouse_url === '' ? undefined : ship(settings, program, predictions, log);
  return {
    predictions,
    shipper,
    async stop() {
      predictions.spool.flush();
      // While the spool is locked: two shippers of one spool would send rows twice.
      await shipper?.stop(STOP_MS);
      await predictions.close();
    },
  };
}

function ship(settings: PredictionSettings, program: string, { spool }: PredictionLog, log: SpoolLog): Shipper {
  return startShipper({
    shipping: {
      directory: spoolDirectory(settings.data_dir, settings.node_name),
      dead_letters: join(settings.data_dir, 'dead-letter'),
      dead_letter_bytes: settings.log_dead_letter_bytes,
      ship_ms: settings.log_ship_ms,
      rows_per_s: settings.log_ship_rows_per_s,
      spec_poll_ms: settings.log_spec_poll_ms,
      yield_bytes: Math.floor(settings.log_spool_bytes / 4),
      limits: BATCH_LIMITS,
    },
    state: spool.state.buffer,
    clickhouse: {
      ...CLICKHOUSE_DEFAULTS,
      url: settings.clickhouse_url,
      user: settings.clickhouse_user,
      password: settings.clickhouse_password,
      database: settings.clickhouse_database,
      ca_file: settings.clickhouse_ca_file,
      max_connections: CONNECTIONS,
      application: `tidegate runtime ${program}`,
    },
    target: { database: settings.clickhouse_database, cluster: settings.clickhouse_cluster },
    program,
    log,
  });
}
