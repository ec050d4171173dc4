import { z } from 'zod';
import { NameSchema, ROLES, SelectorSchema } from './desired-state.js';

/** One version as people ask for it: what its bytes are is the registry's business. */
const WantedVersionSchema = z.strictObject({
  version: z.int().positive(),
  weight: z.number().nonnegative().default(100).describe('share of requests, among the weights of its siblings'),
  role: z.enum(ROLES).default('champion'),
  routes: z.array(NameSchema).default([]).describe('names that force this version by the header tidegate-route'),
});

const WantedPlacementSchema = z.strictObject({
  selector: SelectorSchema.prefault({}).describe('labels that a node must have; none: every node'),
  replicas: z.union([z.literal('all'), z.int().positive()]).default('all'),
  versions: z.array(WantedVersionSchema),
});

/** Body of PUT /v1/deployments/{model}, and the spec of a file of kind Deployment. */
export const DeploymentSchema = z.strictObject({
  placements: z.array(WantedPlacementSchema).min(1),
  pinned: z.boolean().default(false).describe('its memory is not given to other models'),
  limits: z.strictObject({ memory_bytes: z.int().positive().optional() }).default({}),
});
export type Deployment = z.infer<typeof DeploymentSchema>;
