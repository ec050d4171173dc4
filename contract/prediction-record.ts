/**
 * The prediction log, settled once: the columns of `inference_log` in their order. The table, the encoder of the shipper and whoever
 * reads the log are made from this list; a column is added at its end, with a migration, and none is ever changed.
 */
export interface LogColumn {
  readonly name: string;
  /** Type of the column in ClickHouse. */
  readonly type: string;
  /** Type in which the encoder sends it, where ClickHouse shall convert: LowCardinality is made by the server. */
  readonly wire?: string;
  /** Default: LZ4. `num` and `bins` keep it: they are most of a row, and ZSTD would cost a third of the inserts' speed. */
  readonly codec?: string;
  readonly comment: string;
}

export const LOG_COLUMNS = [
  {
    name: 'ts',
    type: "DateTime64(6, 'UTC')",
    codec: 'Delta, ZSTD(1)',
    comment: 'when the request arrived at the node',
  },
  { name: 'node', type: 'LowCardinality(String)', wire: 'String', comment: 'name of the node that answered' },
  {
    name: 'epoch',
    type: 'UInt64',
    codec: 'Delta, ZSTD(1)',
    comment: 'one life of the node: microseconds at its start',
  },
  {
    name: 'seq',
    type: 'UInt64',
    codec: 'Delta, ZSTD(1)',
    comment: 'number of the request within its epoch; (node, epoch, seq, row_idx) is the key',
  },
  { name: 'row_idx', type: 'UInt32', codec: 'Delta, ZSTD(1)', comment: 'row within the request' },
  {
    name: 'request_id',
    type: 'String',
    codec: 'ZSTD(1)',
    comment: "the caller's id, else a UUIDv7; labels are joined by it",
  },
  { name: 'trace_id', type: 'String', codec: 'ZSTD(1)', comment: 'trace id of the traceparent header, or empty' },
  { name: 'model', type: 'LowCardinality(String)', wire: 'String', comment: 'model' },
  { name: 'version', type: 'UInt32', comment: 'version that answered' },
  { name: 'variant', type: 'LowCardinality(String)', wire: 'String', comment: 'champion, shadow or canary' },
  { name: 'face', type: 'LowCardinality(String)', wire: 'String', comment: 'http or websocket' },
  {
    name: 'outcome',
    type: 'LowCardinality(String)',
    wire: 'String',
    comment: "'ok', or the code of the error (contract/error.ts) of a failed or refused request",
  },
  { name: 'entity_key', type: 'String', codec: 'ZSTD(1)', comment: 'whom the row is about, or empty' },
  {
    name: 'segment',
    type: 'Map(LowCardinality(String), String)',
    wire: 'Map(String, String)',
    comment: 'named groups that drift and performance are cut by',
  },
  {
    name: 'num',
    type: 'Array(Float64)',
    comment:
      'numeric features in the order of feature_layouts; NaN where null or redacted. Empty where a digest is kept',
  },
  {
    name: 'cat',
    type: 'Array(LowCardinality(String))',
    wire: 'Array(String)',
    comment: 'categorical features in the order of feature_layouts',
  },
  {
    name: 'input_digest',
    type: 'String',
    codec: 'ZSTD(1)',
    comment: 'sha256 of the inputs of the row where they are too large to be kept, else empty',
  },
  {
    name: 'feature_age_ms',
    type: 'Array(UInt32)',
    codec: 'ZSTD(1)',
    comment: 'age of features of the cache, in layout order; empty without the cache',
  },
  {
    name: 'feature_source',
    type: 'Array(LowCardinality(String))',
    wire: 'Array(String)',
    comment: 'where each feature came from; empty without the cache',
  },
  { name: 'output', type: 'Array(Float64)', codec: 'ZSTD(1)', comment: 'numeric outputs of the row, flattened' },
  {
    name: 'output_text',
    type: 'Array(LowCardinality(String))',
    wire: 'Array(String)',
    comment: 'BYTES outputs of the row, flattened',
  },
  {
    name: 'score',
    type: 'Float64',
    codec: 'ZSTD(1)',
    comment:
      'probability of the positive class, of the chosen class where there are more, or the predicted value; NaN: none',
  },
  { name: 'class', type: 'LowCardinality(String)', wire: 'String', comment: 'predicted class, or empty' },
  {
    name: 'spec_id',
    type: 'UInt64',
    comment: 'bin_specs version that the bins were made with; 0: none was known',
  },
  {
    name: 'bins',
    type: 'Array(UInt16)',
    comment: 'bin of each feature of the spec, in its order (contract/bin-spec.ts)',
  },
  {
    name: 'queue_us',
    type: 'UInt32',
    codec: 'ZSTD(1)',
    comment: 'microseconds from admission to the start of its batch',
  },
  {
    name: 'compute_us',
    type: 'UInt32',
    codec: 'ZSTD(1)',
    comment: 'microseconds that its batch ran, gather and scatter included',
  },
  { name: 'total_us', type: 'UInt32', codec: 'ZSTD(1)', comment: 'microseconds from the first byte to the answer' },
  {
    name: 'share',
    type: 'Float32',
    comment: 'share of requests that was logged when this one was: weight is 1 / share',
  },
] as const satisfies readonly LogColumn[];

export type LogColumnName = (typeof LOG_COLUMNS)[number]['name'];

/** One input value of a row, by the name that drift reports show. */
export interface LoggedFeature {
  /** `age`, or `<input>` for an input of one value a row, or `<input>[<i>]`. */
  readonly name: string;
  readonly kind: 'numeric' | 'categorical';
  /** Input tensor, and the element within a row of it. */
  readonly input: string;
  readonly element: number;
  /** What happened to it on the way into the log. */
  readonly privacy: 'plain' | 'hashed' | 'redacted';
}

/**
 * How an outcome that is known later judges a row. `binary`: `score` is the probability of one class; `multiclass`: `class` is right or wrong;
 * `regression`: `score` is near or far; `none`: nothing of the row can be judged.
 */
export const TASKS = ['binary', 'multiclass', 'regression', 'none'] as const;
export type Task = (typeof TASKS)[number];

/**
 * How the rows of one version lie in the log: a row of `feature_layouts` (model, version, layout). Position in `features` among those of
 * its kind is the index in `num` or `cat`.
 */
export interface LogLayout {
  readonly model: string;
  readonly version: number;
  readonly features: readonly LoggedFeature[];
  /** `name` or `name[i]`, in the order of `output`, then of `output_text`. */
  readonly outputs: readonly string[];
  readonly output_texts: readonly string[];
  /** Classes in the order of the model's probabilities; empty: not known. */
  readonly classes: readonly string[];
  /** What `score` is: a probability in [0, 1], a plain value, or nothing. */
  readonly score: 'probability' | 'value' | 'none';
  /** What the model's labels are compared with. */
  readonly task: Task;
  /** With task `binary`: the class whose probability `score` is; '' where nobody named it. Else ''. */
  readonly positive_class: string;
  /** Where a row is too large to be kept, its digest is. */
  readonly inputs: 'kept' | 'digest';
}
