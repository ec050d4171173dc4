import { asTidegateError, TidegateError } from '../../contract/error.js';
import type { BodyTaker, HttpExchange, HttpFace } from '../socket/face.js';
import type { HttpDependencies } from './dependencies.js';
import { replyLive, replyModelReady, replyReady } from './health.js';
import { InferCall } from './infer.js';
import { replyModelConfig, replyModelMetadata, replyModels, replyServerMetadata } from './metadata.js';
import { replyError, replyMethodNotAllowed, replyNotFound } from './problem.js';
import { RepositoryCall, type RepositoryVerb } from './repository.js';
import { allowedMethods, isAllowed, parseRoute, type Route } from './route.js';
import { replyMetrics, replyStatistics } from './statistics.js';

/** More digits than any version number has. */
const MOST_VERSION_DIGITS = 15;

/** The Open Inference Protocol over HTTP. */
export function createHttpFace(deps: HttpDependencies): HttpFace {
  return {
    begin(asked) {
      const { cors } = deps;
      const exchange = cors === undefined ? asked : cors.admit(asked);
      try {
        if (cors?.answerPreflight(exchange)) return undefined;
        return begin(exchange, deps);
      } catch (thrown) {
        const error = asTidegateError(thrown);
        if (error.code === 'INTERNAL') {
          deps.log.error({ error: error.cause ?? error, path: exchange.path }, 'a request failed');
        }
        replyError(exchange, deps, error);
        return undefined;
      }
    },
    refuse: (exchange, error) => replyError(exchange, deps, error),
  };
}

function begin(exchange: HttpExchange, deps: HttpDependencies): BodyTaker | undefined {
  const route = parseRoute(exchange.path);
  if (route === undefined) {
    replyNotFound(exchange, deps);
    return undefined;
  }
  if (!isAllowed(exchange.method, route.kind)) {
    replyMethodNotAllowed(exchange, deps, allowedMethods(route.kind));
    return undefined;
  }
  if (route.version.length > MOST_VERSION_DIGITS) throw impossibleVersion(route.version);
  switch (route.kind) {
    case 'infer':
      // An unknown model is refused before a byte of the body is read.
      deps.catalog.describe(route.model, route.version);
      return new InferCall(exchange, deps, route.model, route.version);
    case 'repository-index':
    case 'model-load':
    case 'model-unload':
      return new RepositoryCall(exchange, deps, route.kind, route.model);
    default:
      ANSWERS[route.kind](exchange, deps, route.model, route.version);
      return undefined;
  }
}

type Answer = (exchange: HttpExchange, deps: HttpDependencies, model: string, version: string) => void;

/** What needs no body. */
const ANSWERS: Readonly<Record<Exclude<Route['kind'], 'infer' | RepositoryVerb>, Answer>> = {
  'server-metadata': replyServerMetadata,
  live: replyLive,
  ready: replyReady,
  models: replyModels,
  'model-metadata': replyModelMetadata,
  'model-ready': replyModelReady,
  'model-config': replyModelConfig,
  statistics: replyStatistics,
  'model-statistics': replyStatistics,
  metrics: replyMetrics,
  'shared-memory': unsupported('shared memory is not supported: send tensors in the request'),
  'shared-memory-change': unsupported('shared memory is not supported: send tensors in the request'),
  trace: unsupported('settings of tracing cannot be read or changed over HTTP'),
  'model-trace': unsupported('settings of tracing cannot be read or changed over HTTP'),
  logging: unsupported('settings of logging cannot be read or changed over HTTP'),
  generate: unsupported('generate is not supported: use infer'),
};

function unsupported(message: string): Answer {
  return (exchange, deps) => replyError(exchange, deps, new TidegateError('UNSUPPORTED', message));
}

function impossibleVersion(version: string): TidegateError {
  return new TidegateError(
    'INVALID_REQUEST',
    `failed to get model version from specified version string '${version.slice(0, 40)}': no version has that many digits`,
  );
}
