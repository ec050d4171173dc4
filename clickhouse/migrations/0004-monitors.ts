import type { Migration } from '../migration.js';
import { createTable, type Table } from '../table.js';

/** Everything of one kind is on one shard: that a number is given once is decided there. */
const ONE_SHARD = '0';

/** What became of each monitor, entry by entry: a number is given once, to whoever inserts it first. Partitions depend on the number alone. */
const ledger: Table = {
  name: 'monitor_ledger',
  columns: [
    { name: 'monitor', type: 'String' },
    { name: 'n', type: 'UInt64' },
    { name: 'claim', type: 'String', comment: 'who wrote it' },
    { name: 'kind', type: 'LowCardinality(String)', comment: 'evaluated, acknowledged, silenced or unsilenced' },
    { name: 'at', type: "DateTime64(3, 'UTC')" },
    { name: 'slot', type: "DateTime64(3, 'UTC')", comment: 'evaluated: end of the window' },
    { name: 'verdict', type: 'LowCardinality(String)' },
    { name: 'value', type: 'Float64', comment: 'NaN: none' },
    { name: 'samples', type: 'UInt64' },
    { name: 'change', type: 'LowCardinality(String)', comment: 'fired or resolved, or empty' },
    { name: 'alert', type: 'UInt64' },
    { name: 'is_muted', type: 'Bool', comment: 'silenced when it happened' },
    { name: 'model', type: 'LowCardinality(String)' },
    { name: 'severity', type: 'LowCardinality(String)' },
    { name: 'labels', type: 'Map(String, String)' },
    { name: 'evidence', type: 'String', comment: 'as JSON: the question that was asked, and what it said' },
    { name: 'actor', type: 'String' },
    { name: 'state', type: 'String', comment: 'as JSON: where the monitor stands after it' },
  ],
  engine: 'MergeTree',
  partition_by: 'intDiv(n, 100000)',
  order_by: '(monitor, n)',
  ttl: 'toDateTime(at) + INTERVAL 400 DAY',
  sharding_key: ONE_SHARD,
};

const deliveries: Table = {
  name: 'alert_deliveries',
  columns: [
    { name: 'route', type: 'String' },
    { name: 'monitor', type: 'String' },
    { name: 'n', type: 'UInt64', comment: 'entry of the ledger that is told' },
    { name: 'attempt', type: 'UInt32' },
    { name: 'claim', type: 'String' },
    { name: 'outcome', type: 'LowCardinality(String)', comment: 'started, sent, failed or dead' },
    { name: 'at', type: "DateTime64(3, 'UTC')", default: 'now64(3)' },
    { name: 'detail', type: 'String' },
  ],
  engine: 'MergeTree',
  order_by: '(route, monitor, n, attempt, outcome)',
  ttl: 'toDateTime(at) + INTERVAL 400 DAY',
  sharding_key: ONE_SHARD,
};

/** Verdicts of monitors, alerts, and who was told of them. */
export const monitorLedger: Migration = {
  number: 4,
  name: 'monitors',
  statements: (target) => [ledger, deliveries].flatMap((table) => createTable(table, target)),
};
