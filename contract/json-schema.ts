import { z } from 'zod';
import { FeatureServiceFileSchema, FeatureViewFileSchema } from './feature-view.js';
import { LimitsSchema } from './limits.js';
import { ManifestSchema } from './manifest.js';
import { AlertRouteFileSchema, MonitorFileSchema } from './monitor.js';
import { RESOURCE_SCHEMAS } from './resource.js';
import { RolloutPolicyFileSchema } from './rollout-policy.js';

/**
 * The schemas that validate, as JSON Schema (2020-12) for editors and other languages, by file name in contract/schema/. `npm run schema`
 * writes them; a test fails when they differ.
 */
export function jsonSchemas(): Readonly<Record<string, unknown>> {
  return {
    'model.schema.json': {
      title: 'model.yaml: the manifest beside a model',
      ...z.toJSONSchema(ManifestSchema, { io: 'input' }),
    },
    'monitor.schema.json': {
      title: 'a monitor: what is watched of a model, and when that is an alert',
      ...z.toJSONSchema(MonitorFileSchema, { io: 'input' }),
    },
    'alert-route.schema.json': {
      title: 'an alert route: who is told of alerts',
      ...z.toJSONSchema(AlertRouteFileSchema, { io: 'input' }),
    },
    'deployment.schema.json': {
      title: 'a deployment: which versions of a model are served where',
      ...z.toJSONSchema(RESOURCE_SCHEMAS.Deployment, { io: 'input' }),
    },
    'registered-model.schema.json': {
      title: 'a model of the registry: its description, and names for its versions',
      ...z.toJSONSchema(RESOURCE_SCHEMAS.Model, { io: 'input' }),
    },
    'rollout-policy.schema.json': {
      title: 'a rollout policy: how a new version comes to all requests, and what stops it',
      ...z.toJSONSchema(RolloutPolicyFileSchema, { io: 'input' }),
    },
    'environment.schema.json': {
      title: 'an environment: what a version must have before it is let in',
      ...z.toJSONSchema(RESOURCE_SCHEMAS.Environment, { io: 'input' }),
    },
    'feature-view.schema.json': {
      title: 'a feature view: features of one kind of entity',
      ...z.toJSONSchema(FeatureViewFileSchema, { io: 'input' }),
    },
    'feature-service.schema.json': {
      title: 'a feature service: a named set of features',
      ...z.toJSONSchema(FeatureServiceFileSchema, { io: 'input' }),
    },
    'limits.schema.json': { title: 'limits of one node', ...z.toJSONSchema(LimitsSchema, { io: 'input' }) },
  };
}
