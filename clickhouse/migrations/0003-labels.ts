import type { Migration } from '../migration.js';
import { type Column, createTable, type Table } from '../table.js';

/** What every state is cut by, as in the states of drift. `segment` is '' for all rows, else `name=value`. */
const CUT: readonly Column[] = [
  { name: 'model', type: 'LowCardinality(String)' },
  { name: 'version', type: 'UInt32' },
  { name: 'variant', type: 'LowCardinality(String)' },
  { name: 'node', type: 'LowCardinality(String)' },
  { name: 'segment', type: 'LowCardinality(String)' },
  { name: 'hour', type: "DateTime('UTC')", comment: 'of the prediction, not of its label' },
];
const PLACE = '(model, segment, hour, version, variant, node';

/** All labels of a cluster are on its first shard: a step of the join is one insert of one part there, or it is nothing. */
const ONE_SHARD = '0';

const labels: Table = {
  name: 'labels',
  columns: [
    { name: 'label_key', type: 'UInt128', comment: 'hash of what the label is of: equal for its corrections' },
    {
      name: 'version',
      type: 'UInt64',
      comment: 'the greatest of a key wins; microseconds of arrival where none was given',
    },
    { name: 'received_at', type: "DateTime64(6, 'UTC')", default: 'now64(6)' },
    { name: 'batch', type: 'UInt64' },
    { name: 'model', type: 'LowCardinality(String)', comment: "'': whichever answered the request" },
    { name: 'request_id', type: 'String', codec: 'ZSTD(1)', comment: "'': the label is of an entity" },
    { name: 'row_idx', type: 'UInt32', comment: 'row within the request' },
    { name: 'entity_key', type: 'String', codec: 'ZSTD(1)' },
    { name: 'ts', type: "DateTime64(6, 'UTC')", codec: 'Delta, ZSTD(1)', comment: 'when the outcome was known' },
    { name: 'label_text', type: 'String', codec: 'ZSTD(1)', comment: 'as text: numbers in their shortest form' },
    { name: 'label_num', type: 'Float64', codec: 'ZSTD(1)', comment: 'true is 1; NaN where it is text' },
    { name: 'source', type: 'LowCardinality(String)' },
  ],
  engine: 'MergeTree',
  partition_by: 'toDate(received_at)',
  order_by: '(label_key, version)',
  ttl: 'toDateTime(received_at) + INTERVAL 400 DAY',
  indexes: [
    'INDEX by_request_id request_id TYPE bloom_filter(0.01) GRANULARITY 4',
    'INDEX by_batch batch TYPE minmax GRANULARITY 1',
  ],
  sharding_key: ONE_SHARD,
};

const labelBatches: Table = {
  name: 'label_batches',
  columns: [
    { name: 'batch', type: 'UInt64', comment: 'one insert into labels' },
    { name: 'received_at', type: "DateTime64(6, 'UTC')", default: 'now64(6)' },
    { name: 'labels', type: 'UInt32' },
  ],
  engine: 'MergeTree',
  partition_by: 'toDate(received_at)',
  order_by: '(received_at, batch)',
  ttl: 'toDateTime(received_at) + INTERVAL 30 DAY',
  sharding_key: ONE_SHARD,
};

/** Answers to uploads by the Idempotency-Key that they came with. */
const labelUploads: Table = {
  name: 'label_uploads',
  columns: [
    { name: 'idempotency_key', type: 'String' },
    { name: 'answer', type: 'String', comment: 'as JSON' },
    { name: 'answered_at', type: "DateTime64(3, 'UTC')", default: 'now64(3)' },
  ],
  engine: 'MergeTree',
  order_by: 'idempotency_key',
  ttl: 'toDateTime(answered_at) + INTERVAL 7 DAY',
  sharding_key: ONE_SHARD,
};

/**
 * What the join has decided, step by step: a row with sign 1 adds a label to a prediction, one with sign −1 takes it back. Each step is one insert of one part
 * (the partition depends on the step alone), headed by a row of kind 'step'.
 */
const labelled: Table = {
  name: 'labelled',
  columns: [
    { name: 'step', type: 'UInt64' },
    { name: 'kind', type: 'LowCardinality(String)', comment: 'step or row' },
    { name: 'claim', type: 'String', comment: 'step: who decided it' },
    { name: 'batches', type: 'Array(UInt64)', comment: 'step: batches of labels that it has taken' },
    { name: 'batches_from', type: "DateTime64(6, 'UTC')", comment: 'step: all batches before are taken' },
    {
      name: 'log_to',
      type: "DateTime64(3, 'UTC')",
      comment: 'step: rows that were logged before have met the labels of their time',
    },
    { name: 'decided_at', type: "DateTime64(3, 'UTC')", default: 'now64(3)' },
    { name: 'label_key', type: 'UInt128' },
    { name: 'sign', type: 'Int8' },
    { name: 'outcome', type: 'LowCardinality(String)', comment: 'joined, late or unusable' },
    { name: 'label_text', type: 'String' },
    { name: 'label_num', type: 'Float64' },
    { name: 'positive', type: 'Int8', comment: '1 or 0 of a binary label; -1: of another task' },
    { name: 'task', type: 'LowCardinality(String)' },
    { name: 'node', type: 'LowCardinality(String)' },
    { name: 'epoch', type: 'UInt64' },
    { name: 'seq', type: 'UInt64' },
    { name: 'row_idx', type: 'UInt32' },
    { name: 'ts', type: "DateTime64(6, 'UTC')" },
    { name: 'model', type: 'LowCardinality(String)' },
    { name: 'version', type: 'UInt32' },
    { name: 'variant', type: 'LowCardinality(String)' },
    { name: 'segment', type: 'Map(LowCardinality(String), String)' },
    { name: 'score', type: 'Float64' },
    { name: 'class', type: 'String' },
    { name: 'share', type: 'Float64' },
  ],
  engine: 'MergeTree',
  partition_by: 'intDiv(step, 100000)',
  order_by: '(kind, label_key, step)',
  ttl: 'toDateTime(decided_at) + INTERVAL 400 DAY',
  indexes: ['INDEX by_step step TYPE minmax GRANULARITY 1'],
  sharding_key: ONE_SHARD,
};

/** Sums of signed rows: what was taken back is subtracted, and cells that are zero again are merged away. */
function state(name: string, columns: readonly Column[], key: string, sums: string): Table {
  return {
    name,
    columns: [...CUT, ...columns],
    engine: 'SummingMergeTree',
    engine_args: sums,
    partition_by: 'toYYYYMM(hour)',
    order_by: `${PLACE}${key})`,
    ttl: 'hour + INTERVAL 400 DAY',
    sharding_key: ONE_SHARD,
  };
}

const n: Column = { name: 'n', type: 'Int64', comment: 'labels' };
const weight: Column = { name: 'weight', type: 'Float64', comment: 'predictions that these stand for: 1 / share each' };

const states: readonly Table[] = [
  state(
    'perf_hist',
    [
      { name: 'bin', type: 'UInt16', comment: 'as in score_hist' },
      n,
      { name: 'positives', type: 'Float64', comment: 'weight of labels of the positive class, or of right classes' },
      { name: 'negatives', type: 'Float64' },
    ],
    ', bin',
    '(n, positives, negatives)',
  ),
  state(
    'perf_class',
    [{ name: 'label', type: 'String' }, { name: 'class', type: 'String' }, n, weight],
    ', label, class',
    '(n, weight)',
  ),
  state(
    'perf_error',
    [
      n,
      weight,
      { name: 'error', type: 'Float64', comment: 'weighted sums over labels; error = prediction - label' },
      { name: 'absolute_error', type: 'Float64' },
      { name: 'squared_error', type: 'Float64' },
      { name: 'label', type: 'Float64' },
      { name: 'squared_label', type: 'Float64' },
    ],
    '',
    '(n, weight, error, absolute_error, squared_error, label, squared_label)',
  ),
  state('label_hist', [{ name: 'outcome', type: 'LowCardinality(String)' }, n], ', outcome', '(n)'),
];

/** Labels, the predictions that they were joined to, and what performance is read from. */
export const labelStates: Migration = {
  number: 3,
  name: 'labels',
  statements: (target) =>
    [labels, labelBatches, labelUploads, labelled, ...states].flatMap((table) => createTable(table, target)),
};
