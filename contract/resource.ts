import { z } from 'zod';
import { DeploymentSchema } from './deployment.js';
import { NameSchema } from './desired-state.js';
import { EnvironmentSchema } from './environment.js';

const MetadataSchema = z.strictObject({
  name: NameSchema.describe('of the model, or of the environment'),
  labels: z.record(z.string().min(1).max(63), z.string().max(255)).default({}),
  environment: NameSchema.optional().describe('that it is meant for; a control plane of another one refuses it'),
});

/** What the registry says of a model besides its versions. */
export const ModelSpecSchema = z.strictObject({
  description: z.string().max(10_000).default(''),
  aliases: z.record(NameSchema, z.int().positive()).default({}).describe('names for versions; others are left alone'),
});

const resource = <const K extends string, S extends z.ZodType>(kind: K, spec: S) =>
  z.strictObject({ apiVersion: z.literal('tidegate/v1'), kind: z.literal(kind), metadata: MetadataSchema, spec });

/** Everything that `tidegate apply` reads, a document each. */
export const RESOURCE_SCHEMAS = {
  Model: resource('Model', ModelSpecSchema),
  Deployment: resource('Deployment', DeploymentSchema),
  Environment: resource('Environment', EnvironmentSchema),
} as const;
export const RESOURCE_KINDS = ['Model', 'Deployment', 'Environment'] as const;
export type ResourceKind = (typeof RESOURCE_KINDS)[number];

export type ModelResource = z.infer<typeof RESOURCE_SCHEMAS.Model>;
export type DeploymentResource = z.infer<typeof RESOURCE_SCHEMAS.Deployment>;
export type EnvironmentResource = z.infer<typeof RESOURCE_SCHEMAS.Environment>;
export type Resource = ModelResource | DeploymentResource | EnvironmentResource;
