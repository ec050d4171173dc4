import { LOG_COLUMNS } from '../../contract/prediction-record.js';
import type { Migration } from '../migration.js';
import { createTable, type Table } from '../table.js';

const inferenceLog: Table = {
  name: 'inference_log',
  columns: [
    ...LOG_COLUMNS,
    {
      name: 'logged_at',
      type: "DateTime64(3, 'UTC')",
      default: 'now64(3)',
      codec: 'Delta, ZSTD(1)',
      comment: 'when the row reached ClickHouse',
    },
  ],
  engine: 'MergeTree',
  partition_by: 'toDate(ts)',
  order_by: '(model, version, toStartOfHour(ts), request_id, row_idx)',
  ttl: 'toDateTime(ts) + INTERVAL 90 DAY',
  indexes: [
    // A label names a request or an entity, and knows no model: without these every part would be read.
    'INDEX by_request_id request_id TYPE bloom_filter(0.01) GRANULARITY 4',
    'INDEX by_entity_key entity_key TYPE bloom_filter(0.01) GRANULARITY 4',
    'INDEX by_seq (epoch, seq) TYPE minmax GRANULARITY 1',
    'INDEX by_logged_at logged_at TYPE minmax GRANULARITY 1',
  ],
  sharding_key: 'cityHash64(node, epoch, seq)',
};

const featureLayouts: Table = {
  name: 'feature_layouts',
  columns: [
    { name: 'model', type: 'LowCardinality(String)' },
    { name: 'version', type: 'UInt32' },
    { name: 'digest', type: 'String', comment: 'sha256 of the layout' },
    { name: 'layout', type: 'String', comment: 'LogLayout of contract/prediction-record.ts as JSON' },
    { name: 'created_at', type: "DateTime64(3, 'UTC')", default: 'now64(3)' },
  ],
  engine: 'ReplacingMergeTree',
  engine_args: 'created_at',
  order_by: '(model, version, digest)',
  sharding_key: 'cityHash64(model)',
};

/** What was asked and answered, and how its values lie. */
export const predictionLog: Migration = {
  number: 1,
  name: 'prediction log',
  statements: (target) => [inferenceLog, featureLayouts].flatMap((table) => createTable(table, target)),
};
