import type { Migration } from '../migration.js';
import { type Column, createTable, createView, type Table, type View } from '../table.js';

/** What every state is cut by. `segment` is '' for all rows, else `name=value`. */
const CUT: readonly Column[] = [
  { name: 'model', type: 'LowCardinality(String)' },
  { name: 'version', type: 'UInt32' },
  { name: 'variant', type: 'LowCardinality(String)' },
  { name: 'node', type: 'LowCardinality(String)' },
  { name: 'segment', type: 'LowCardinality(String)' },
  { name: 'hour', type: "DateTime('UTC')" },
];

const binSpecs: Table = {
  name: 'bin_specs',
  columns: [
    { name: 'model', type: 'LowCardinality(String)' },
    { name: 'spec_id', type: 'UInt64', comment: 'microseconds of its creation' },
    { name: 'version', type: 'UInt32', comment: '0: for every version' },
    { name: 'position', type: 'UInt16', comment: 'index in inference_log.bins' },
    { name: 'feature', type: 'String', comment: 'name of the feature, @score or @class' },
    { name: 'kind', type: 'LowCardinality(String)', comment: 'numeric or categorical' },
    { name: 'edges', type: 'Array(Float64)' },
    { name: 'coarse', type: 'Array(UInt16)', comment: 'which edges PSI and Jensen-Shannon use' },
    { name: 'categories', type: 'Array(String)' },
    { name: 'reference', type: 'Array(UInt64)', comment: 'rows of the reference in each bin' },
    { name: 'origin', type: 'String', comment: 'what the reference was made from, as JSON' },
    { name: 'created_at', type: "DateTime64(3, 'UTC')", default: 'now64(3)' },
  ],
  engine: 'ReplacingMergeTree',
  engine_args: 'created_at',
  order_by: '(model, spec_id, position)',
  sharding_key: 'cityHash64(model)',
};

const driftHist: Table = {
  name: 'drift_hist',
  columns: [
    ...CUT,
    { name: 'spec_id', type: 'UInt64' },
    {
      name: 'origin',
      type: 'UInt8',
      comment: '0: counted as it was logged; 1: counted later, when the reference was made',
    },
    { name: 'feature', type: 'UInt16', comment: 'position in the spec' },
    { name: 'bin', type: 'UInt16' },
    { name: 'n', type: 'UInt64' },
  ],
  engine: 'SummingMergeTree',
  engine_args: 'n',
  partition_by: 'toYYYYMM(hour)',
  order_by: '(model, spec_id, segment, hour, version, variant, node, origin, feature, bin)',
  ttl: 'hour + INTERVAL 400 DAY',
  sharding_key: 'cityHash64(model, spec_id, feature)',
};

const driftNum: Table = {
  name: 'drift_num',
  columns: [
    ...CUT,
    { name: 'n', type: 'SimpleAggregateFunction(sum, UInt64)' },
    { name: 'nulls', type: 'AggregateFunction(sumForEach, Array(UInt8))' },
    { name: 'total', type: 'AggregateFunction(sumForEach, Array(Float64))' },
    { name: 'least', type: 'AggregateFunction(minForEach, Array(Float64))' },
    { name: 'greatest', type: 'AggregateFunction(maxForEach, Array(Float64))' },
  ],
  engine: 'AggregatingMergeTree',
  partition_by: 'toYYYYMM(hour)',
  order_by: '(model, segment, hour, version, variant, node)',
  ttl: 'hour + INTERVAL 400 DAY',
  sharding_key: 'cityHash64(model)',
};

const scoreHist: Table = {
  name: 'score_hist',
  columns: [
    ...CUT,
    { name: 'class', type: 'LowCardinality(String)' },
    {
      name: 'bin',
      type: 'UInt16',
      comment: '0: no score; 1 to 1000: thousandths of a probability; 1001: not in [0, 1]',
    },
    { name: 'n', type: 'UInt64' },
    { name: 'weight', type: 'Float64', comment: 'rows that these stand for: 1 / share each' },
    { name: 'total', type: 'Float64', comment: 'sum of the finite scores' },
  ],
  engine: 'SummingMergeTree',
  engine_args: '(n, weight, total)',
  partition_by: 'toYYYYMM(hour)',
  order_by: '(model, segment, hour, version, variant, node, class, bin)',
  ttl: 'hour + INTERVAL 400 DAY',
  sharding_key: 'cityHash64(model, class, bin)',
};

const outcomes: Table = {
  name: 'outcome_hist',
  columns: [
    ...CUT.filter(({ name }) => name !== 'segment'),
    { name: 'outcome', type: 'LowCardinality(String)' },
    { name: 'n', type: 'UInt64' },
    { name: 'total_us', type: 'UInt64' },
  ],
  engine: 'SummingMergeTree',
  engine_args: '(n, total_us)',
  partition_by: 'toYYYYMM(hour)',
  order_by: '(model, hour, version, variant, node, outcome)',
  ttl: 'hour + INTERVAL 400 DAY',
  sharding_key: 'cityHash64(model)',
};

/** Every row counts once for all of the model and once for each of its segments. */
const SEGMENTS = `arrayConcat([''], arrayMap((name, value) -> concat(name, '=', value), mapKeys(segment), mapValues(segment)))`;
const KEYS = 'model, version, variant, node, part AS segment, toStartOfHour(ts) AS hour';
const SCORE_BIN =
  'toUInt16(multiIf(isNaN(score), 0, score < 0 OR score > 1, 1001, 1 + least(999, floor(score * 1000))))';

const views: readonly View[] = [
  {
    name: 'drift_hist_live',
    source: 'inference_log',
    to: 'drift_hist',
    // A group by feature and bin would hash every one of the bins: 140,000 rows of 32 features a second of one core. Sorting the codes of
    // a block and taking the lengths of their runs does 1,300,000.
    select: `SELECT model, version, variant, node, segment, hour, spec_id, 0 AS origin,
  toUInt16(intDiv(code, 65536)) AS feature, toUInt16(code % 65536) AS bin, n
FROM (
  SELECT model, version, variant, node, part AS segment, toStartOfHour(ts) AS hour, spec_id,
    arraySort(groupArrayArray(arrayMap((bin, position) -> toUInt32((position - 1) * 65536 + bin), bins, arrayEnumerate(bins)))) AS codes,
    -- No lambda may capture an array: it would be copied for each of its elements.
    arrayPushBack(arrayPopFront(codes), toUInt32(4294967295)) AS next,
    arrayFilter((code, following) -> code != following, codes, next) AS distinct,
    arrayFilter((i, code, following) -> code != following, arrayEnumerate(codes), codes, next) AS ends,
    arrayMap((end, before) -> toUInt64(end - before), ends, arrayPushFront(arrayPopBack(ends), 0)) AS runs
  FROM {source} ARRAY JOIN ${SEGMENTS} AS part
  WHERE spec_id != 0 AND outcome = 'ok'
  GROUP BY model, version, variant, node, segment, hour, spec_id
) ARRAY JOIN distinct AS code, runs AS n`,
  },
  {
    name: 'drift_num_live',
    source: 'inference_log',
    to: 'drift_num',
    select: `SELECT ${KEYS}, count() AS n,
  sumForEachState(arrayMap(x -> toUInt8(isNaN(x)), num)) AS nulls,
  sumForEachState(arrayMap(x -> if(isFinite(x), x, 0.), num)) AS total,
  minForEachState(arrayMap(x -> if(isFinite(x), x, inf), num)) AS least,
  maxForEachState(arrayMap(x -> if(isFinite(x), x, -inf), num)) AS greatest
FROM {source} ARRAY JOIN ${SEGMENTS} AS part
WHERE outcome = 'ok' AND notEmpty(num)
GROUP BY model, version, variant, node, segment, hour`,
  },
  {
    name: 'score_hist_live',
    source: 'inference_log',
    to: 'score_hist',
    select: `SELECT ${KEYS}, class, ${SCORE_BIN} AS bin, count() AS n, sum(1 / share) AS weight, sum(if(isFinite(score), score, 0.)) AS total
FROM {source} ARRAY JOIN ${SEGMENTS} AS part
WHERE outcome = 'ok'
GROUP BY model, version, variant, node, segment, hour, class, bin`,
  },
  {
    name: 'outcome_hist_live',
    source: 'inference_log',
    to: 'outcome_hist',
    select: `SELECT model, version, variant, node, toStartOfHour(ts) AS hour, outcome, count() AS n, sum(total_us) AS total_us
FROM {source}
GROUP BY model, version, variant, node, hour, outcome`,
  },
];

/** What drift is read from: its cost follows hours, features and bins, not rows. */
export const driftStates: Migration = {
  number: 2,
  name: 'drift states',
  statements: (target) => [
    ...[binSpecs, driftHist, driftNum, scoreHist, outcomes].flatMap((table) => createTable(table, target)),
    ...views.map((view) => createView(view, target)),
  ],
};
