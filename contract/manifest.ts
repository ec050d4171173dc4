import { z } from 'zod';
import { DATATYPES } from './datatype.js';
import { LogPolicySchema } from './log-policy.js';

const count = z.int().positive();

const VersionPolicySchema = z.union([
  z.strictObject({ latest: count }).describe('serve the N highest version numbers'),
  z.strictObject({ all: z.literal(true) }).describe('serve every version directory'),
  z.strictObject({ specific: z.array(count).min(1) }).describe('serve exactly these versions'),
]);

const QueueSchema = z.strictObject({
  max_requests: count.optional().describe('requests that may wait; default: limit max_queue_requests'),
  max_bytes: count.optional().describe('bytes of decoded inputs that may wait; default: limit max_queue_bytes'),
});

const StateSchema = z.strictObject({
  input: z.string().min(1).describe('name of the input that receives the state'),
  output: z.string().min(1).describe('name of the output that gives the next state'),
  batch_axis: z.int().nonnegative().optional().describe('axis of the batch in the state; default: the symbolic one'),
});

const TensorsSchema = z
  .record(
    z.string(),
    z.strictObject({
      datatype: z.enum(DATATYPES as [string, ...string[]]).optional(),
      shape: z.array(z.int().min(-1)).optional(),
    }),
  )
  .default({});

/** `model.yaml` beside a model: the spec of `kind: Model`. Everything is optional; what is absent is read from the model file. */
export const ManifestSchema = z.strictObject({
  description: z.string().optional(),
  platform: z
    .enum(['onnx', 'tensorflowjs', 'saved-model'])
    .optional()
    .describe('kind of model; default: by the artefact'),
  device: z
    .string()
    .default('auto')
    .describe('auto, cpu, webgpu[:n], cuda[:n] or tensorrt[:n]; what is named and cannot be had is refused'),
  signature: z
    .string()
    .optional()
    .describe('signature of a SavedModel that is served; default: serving_default, or the only one'),
  max_batch: z
    .int()
    .nonnegative()
    .optional()
    .describe('most rows of one run; 0: never batch. Default: 128 where the file names a batch dimension'),
  max_delay_ms: z.number().nonnegative().default(0).describe('how long a row may wait for company'),
  instances: count
    .optional()
    .describe('worker threads that hold the model; default: all of them up to 256 MiB of model, else 1'),
  threads: count
    .optional()
    .describe('intra-op threads of one run; default: what workers its instances leave idle, for models from 8 MiB'),
  queue: QueueSchema.default({}),
  priority_levels: z.int().nonnegative().default(0).describe('0: no priorities; else levels 1 (first served) to N'),
  default_priority: z.int().nonnegative().default(0).describe('level of requests that name none; 0: the middle one'),
  timeout_us: z.int().nonnegative().default(0).describe('deadline of requests that set none, from arrival; 0: none'),
  share: z.number().positive().default(1).describe('weight among models that compete for workers'),
  state: z
    .array(StateSchema)
    .default([])
    .describe('stateful models: which output becomes which input of the next request'),
  constants: z
    .record(
      z.string(),
      z.union([z.number(), z.boolean(), z.string(), z.array(z.union([z.number(), z.boolean(), z.string()]))]),
    )
    .default({})
    .describe('inputs without a batch dimension that every run gets as given here; callers must not send them'),
  labels: z.record(z.string(), z.array(z.string())).default({}).describe('class names by output, for classification'),
  pinned: z.boolean().default(false).describe('loaded at start and never evicted'),
  versions: VersionPolicySchema.default({ latest: 1 }),
  version_labels: z
    .record(z.string(), count)
    .default({})
    .describe('names for versions, usable where a version is: {stable: 3}'),
  warmup: z.boolean().default(true).describe('run once with zeros before the version takes requests'),
  inputs: TensorsSchema.describe(
    'checked against the model file: a difference is an error at load; gives the shape where the file has none',
  ),
  outputs: TensorsSchema.describe('like inputs'),
  log: LogPolicySchema.prefault({}).describe('what the prediction log keeps of its requests'),
});

export type Manifest = z.infer<typeof ManifestSchema>;
export type VersionPolicy = z.infer<typeof VersionPolicySchema>;
export type StatePair = z.infer<typeof StateSchema>;

export const DEFAULT_MANIFEST: Manifest = ManifestSchema.parse({});

/** Most rows of one run where the file names a batch dimension and no manifest says otherwise. */
export const DEFAULT_MAX_BATCH = 128;
