import { z } from 'zod';
import { TidegateError } from '../../contract/error.js';
import { type Manifest, ManifestSchema } from '../../contract/manifest.js';
import type { ModelSignature } from '../../contract/signature.js';
import { checkManifest, describeIssue } from './manifest-file.js';

/** Triton's clients write protobuf's JSON, in which an int64 may be text. */
const integer = z
  .union([
    z.int(),
    z
      .string()
      .regex(/^-?\d+$/)
      .transform(Number),
  ])
  .pipe(z.int().nonnegative());
const positive = integer.pipe(z.int().positive());

const TensorSchema = z.looseObject({
  name: z.string().min(1),
  data_type: z.string().optional(),
  dims: z.array(z.unknown()).optional(),
});

/** The keys of a Triton model configuration that mean something here; the others are kept as they are. */
const TritonConfigSchema = z.looseObject({
  name: z.string().optional(),
  platform: z.string().optional(),
  backend: z.string().optional(),
  max_batch_size: integer.optional(),
  input: z.array(TensorSchema).optional(),
  output: z.array(TensorSchema).optional(),
  instance_group: z.array(z.looseObject({ count: positive.optional(), kind: z.string().optional() })).optional(),
  dynamic_batching: z
    .looseObject({
      max_queue_delay_microseconds: integer.optional(),
      priority_levels: integer.optional(),
      default_priority_level: integer.optional(),
      default_queue_policy: z
        .looseObject({ default_timeout_microseconds: integer.optional(), max_queue_size: integer.optional() })
        .optional(),
    })
    .optional(),
  version_policy: z
    .looseObject({
      latest: z.looseObject({ num_versions: positive.default(1) }).optional(),
      all: z.looseObject({}).optional(),
      specific: z.looseObject({ versions: z.array(positive).min(1) }).optional(),
    })
    .optional(),
  parameters: z.record(z.string(), z.unknown()).optional(),
});

type TritonConfig = z.infer<typeof TritonConfigSchema>;

export interface ConfigOverride {
  readonly manifest: Manifest;
  /** undefined: it was a manifest. Numbers that came as text are numbers here. */
  readonly config: Readonly<Record<string, unknown>> | undefined;
}

/** Reads the configuration that came with a load: a manifest or a Triton model configuration, as JSON. Throws INVALID_CONFIG. */
export function parseConfigOverride(text: string): ConfigOverride {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid(`it is not JSON: ${cause instanceof Error ? cause.message : cause}`, cause);
  }
  if (!isTritonConfig(value)) return { manifest: checkManifest(value, 'config'), config: undefined };
  const result = TritonConfigSchema.safeParse(value);
  if (!result.success) throw invalid(describeIssue(result.error.issues[0], TritonConfigSchema), result.error);
  return { manifest: manifestOf(result.data), config: result.data };
}

/** Keys of Triton's that mean nothing here, and by which its configurations are told from manifests all the same. */
const OTHER_TRITON_KEYS: ReadonlySet<string> = new Set([
  'runtime',
  'optimization',
  'sequence_batching',
  'ensemble_scheduling',
  'batch_input',
  'batch_output',
  'default_model_filename',
  'cc_model_filenames',
  'metric_tags',
  'model_warmup',
  'model_operations',
  'model_transaction_policy',
  'model_repository_agents',
  'model_metrics',
  'response_cache',
]);

/** Of what both know (`platform`) nothing follows. What neither knows is taken for a manifest, which names the mistake. */
function isTritonConfig(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if ('platform' in value && value.platform !== 'onnx') return true;
  return Object.keys(value).some(
    (key) =>
      OTHER_TRITON_KEYS.has(key) ||
      (Object.hasOwn(TritonConfigSchema.shape, key) && !Object.hasOwn(ManifestSchema.shape, key)),
  );
}

function manifestOf(config: TritonConfig): Manifest {
  const { dynamic_batching: dynamic, instance_group: groups } = config;
  const policy = dynamic?.default_queue_policy;
  const gpu = groups?.find((group) => group.kind === 'KIND_GPU');
  if (gpu !== undefined) {
    throw new TidegateError('UNSUPPORTED', 'instance_group: KIND_GPU is not available in this build: use KIND_CPU');
  }
  if (config.backend !== undefined && config.backend !== '' && config.backend !== 'onnxruntime') {
    throw new TidegateError(
      'UNSUPPORTED',
      `backend '${config.backend}' is not available in this build: use onnxruntime`,
    );
  }
  const max_requests = policy?.max_queue_size;
  const instances = groups?.reduce((sum, group) => sum + (group.count ?? 1), 0);
  const written = {
    max_batch: config.max_batch_size,
    instances: instances === 0 ? undefined : instances,
    max_delay_ms: (dynamic?.max_queue_delay_microseconds ?? 0) / 1000,
    priority_levels: dynamic?.priority_levels ?? 0,
    default_priority: dynamic?.default_priority_level ?? 0,
    timeout_us: policy?.default_timeout_microseconds ?? 0,
    // Triton's 0 means that the queue has no bound; here the limit of the node stays one.
    queue: max_requests === undefined || max_requests === 0 ? {} : { max_requests },
    versions: versionPolicyOf(config.version_policy),
  };
  return checkManifest(
    Object.fromEntries(Object.entries(written).filter(([, value]) => value !== undefined)),
    'config',
  );
}

function versionPolicyOf(policy: TritonConfig['version_policy']): Manifest['versions'] {
  if (policy?.all !== undefined) return { all: true };
  if (policy?.specific !== undefined) return { specific: policy.specific.versions };
  return { latest: policy?.latest?.num_versions ?? 1 };
}

/** A configuration that names tensors must name those of the model. Throws INVALID_CONFIG. */
export function checkConfigTensors(config: Readonly<Record<string, unknown>>, signature: ModelSignature): void {
  const { input, output } = TritonConfigSchema.pick({ input: true, output: true }).parse(config);
  for (const [role, tensors, specs] of [
    ['input', input, signature.inputs],
    ['output', output, signature.outputs],
  ] as const) {
    for (const { name, data_type } of tensors ?? []) {
      const spec = specs.find((candidate) => candidate.name === name);
      if (spec === undefined)
        throw invalid(
          `the model has no ${role} '${name}', it has ${specs.map((candidate) => candidate.name).join(', ')}`,
        );
      if (data_type !== undefined && data_type !== tritonType(spec.datatype)) {
        throw invalid(`${role} '${name}' is ${tritonType(spec.datatype)} in the model file, not ${data_type}`);
      }
    }
  }
}

/** Triton's name of a datatype in model configurations. */
export function tritonType(datatype: string): string {
  return datatype === 'BYTES' ? 'TYPE_STRING' : `TYPE_${datatype}`;
}

function invalid(reason: string, cause?: unknown): TidegateError {
  return new TidegateError('INVALID_CONFIG', `config: ${reason}`, { cause });
}
