import { modelConfig, modelMetadata } from '../model/model-config.js';
import type { HttpExchange } from '../socket/face.js';
import type { HttpDependencies } from './dependencies.js';
import { replyJson } from './problem.js';

/** The extensions of the protocol that work here, by the names that its clients know. */
const EXTENSIONS = [
  'classification',
  'sequence',
  'sequence(string_id)',
  'model_repository',
  'model_repository(unload_dependents)',
  'schedule_policy',
  'model_configuration',
  'binary_tensor_data',
  'parameters',
  'statistics',
] as const;

export function replyServerMetadata(exchange: HttpExchange, { server }: HttpDependencies): void {
  replyJson(exchange, {
    name: server.name,
    version: server.version,
    extensions: EXTENSIONS,
    socket: server.socketKind(),
  });
}

export function replyModels(exchange: HttpExchange, { catalog }: HttpDependencies): void {
  replyJson(exchange, { models: catalog.models() });
}

export function replyModelMetadata(
  exchange: HttpExchange,
  { catalog, deviceOf }: HttpDependencies,
  model: string,
  version: string,
): void {
  const served = catalog.describe(model, version);
  const versions = version === '' ? catalog.versions(model) : [served.version];
  replyJson(exchange, modelMetadata(served, versions, deviceOf?.(served)));
}

export function replyModelConfig(
  exchange: HttpExchange,
  { catalog }: HttpDependencies,
  model: string,
  version: string,
): void {
  replyJson(exchange, modelConfig(catalog.describe(model, version)));
}
