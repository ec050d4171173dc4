import { z } from 'zod';

/** What Tidegate reads of a `model.json` of TensorFlow.js; the rest is the library's. */

const TensorShapeSchema = z.looseObject({
  unknownRank: z.boolean().optional(),
  dim: z.array(z.looseObject({ size: z.union([z.string(), z.number()]).optional() })).optional(),
});

const TensorInfoSchema = z.looseObject({
  name: z.string().optional(),
  dtype: z
    .union([z.string(), z.number()])
    .nullish()
    .transform((type) => type ?? undefined),
  tensorShape: TensorShapeSchema.optional(),
});

const GraphSignatureSchema = z.looseObject({
  inputs: z.record(z.string(), TensorInfoSchema).default({}),
  outputs: z.record(z.string(), TensorInfoSchema).default({}),
});

const TypeSchema = z.union([z.string(), z.number()]);
const NodeSchema = z.looseObject({
  name: z.string(),
  op: z.string(),
  input: z.array(z.string()).default([]),
  attr: z
    .record(z.string(), z.looseObject({ type: TypeSchema.optional(), shape: TensorShapeSchema.optional() }))
    .default({}),
});
const GraphSchema = z.looseObject({
  node: z.array(NodeSchema).min(1),
  // The library reads it without asking whether it is there.
  versions: z.looseObject({}),
  library: z
    .looseObject({ function: z.array(z.looseObject({ nodeDef: z.array(NodeSchema).default([]) })).default([]) })
    .optional(),
});

const LayerSchema = z.looseObject({
  class_name: z.string(),
  name: z.string().optional(),
  config: z.record(z.string(), z.unknown()),
  inbound_nodes: z.array(z.unknown()).default([]),
});
const ModelConfigSchema = z.looseObject({ class_name: z.string(), config: z.unknown() });
/** Keras writes the model under `model_config` beside other things, or as it is. */
const LayersTopologySchema = z.union([
  z.looseObject({ model_config: ModelConfigSchema }).transform(({ model_config }) => model_config),
  ModelConfigSchema,
]);
const LayersConfigSchema = z.looseObject({
  layers: z.array(LayerSchema).min(1),
  input_layers: z.array(z.unknown()).default([]),
  output_layers: z.array(z.unknown()).default([]),
});

const WeightSchema = z.looseObject({
  name: z.string(),
  shape: z.array(z.int().nonnegative()),
  dtype: z.string(),
  quantization: z.looseObject({ dtype: z.string() }).optional(),
});
const WeightGroupSchema = z.looseObject({ paths: z.array(z.string().min(1)).min(1), weights: z.array(WeightSchema) });

export const TfjsModelSchema = z.looseObject({
  format: z.string().nullish(),
  modelTopology: z.unknown(),
  weightsManifest: z.array(WeightGroupSchema).default([]),
  signature: GraphSignatureSchema.nullish(),
  userDefinedMetadata: z.looseObject({ signature: GraphSignatureSchema.nullish() }).nullish(),
});

export { GraphSchema, LayersConfigSchema, LayersTopologySchema };

export type TfjsModel = z.infer<typeof TfjsModelSchema>;
export type GraphNode = z.infer<typeof NodeSchema>;
export type TfjsGraph = z.infer<typeof GraphSchema>;
export type GraphSignature = z.infer<typeof GraphSignatureSchema>;
export type TensorInfo = z.infer<typeof TensorInfoSchema>;
export type WeightGroup = z.infer<typeof WeightGroupSchema>;
export type Layer = z.infer<typeof LayerSchema>;
