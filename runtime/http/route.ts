/** What a path asks for. `version` is '' where the path names none. */
export type Route =
  | { readonly kind: ModelVerb; readonly model: string; readonly version: string }
  | { readonly kind: 'model-load' | 'model-unload'; readonly model: string; readonly version: '' }
  | { readonly kind: PlainKind; readonly model: ''; readonly version: '' };

export type ModelVerb =
  | 'infer'
  | 'generate'
  | 'model-metadata'
  | 'model-ready'
  | 'model-config'
  | 'model-statistics'
  | 'model-trace';

export type PlainKind =
  | 'server-metadata'
  | 'live'
  | 'ready'
  | 'models'
  | 'statistics'
  | 'repository-index'
  | 'metrics'
  | 'trace'
  | 'logging'
  | 'shared-memory'
  | 'shared-memory-change';

const MODELS = '/v2/models/';
const INFER = '/infer';

const PLAIN_PATHS: ReadonlyMap<string, PlainKind> = new Map([
  ['/v2', 'server-metadata'],
  ['/v2/health/live', 'live'],
  ['/v2/health/ready', 'ready'],
  ['/v2/models', 'models'],
  ['/v2/models/stats', 'statistics'],
  ['/v2/repository/index', 'repository-index'],
  ['/v2/trace/setting', 'trace'],
  ['/v2/logging', 'logging'],
  ['/metrics', 'metrics'],
]);

const MODEL_VERBS: ReadonlyMap<string, ModelVerb> = new Map([
  ['', 'model-metadata'],
  ['infer', 'infer'],
  ['generate', 'generate'],
  ['generate_stream', 'generate'],
  ['ready', 'model-ready'],
  ['config', 'model-config'],
  ['stats', 'model-statistics'],
  ['trace/setting', 'model-trace'],
]);

/** The route of a path that still is percent-encoded, without query; undefined: there is none. */
export function parseRoute(path: string): Route | undefined {
  // The one path that must be fast: no version, nothing quoted.
  if (path.startsWith(MODELS) && path.endsWith(INFER)) {
    const model = path.slice(MODELS.length, -INFER.length);
    if (model !== '' && !model.includes('/') && !model.includes('%')) return { kind: 'infer', model, version: '' };
  }
  const plain = PLAIN_PATHS.get(path);
  if (plain !== undefined) return { kind: plain, model: '', version: '' };
  if (path.startsWith(MODELS)) return modelRoute(path.slice(MODELS.length).split('/'));
  return otherRoute(path.split('/'));
}

function modelRoute([quoted = '', ...rest]: string[]): Route | undefined {
  const model = unquoted(quoted);
  let version = '';
  if (rest[0] === 'versions') {
    version = rest[1] ?? '';
    if (!/^\d+$/.test(version)) return undefined;
    rest.splice(0, 2);
  }
  // A path that ends in a slash asks for nothing that there is.
  if (model === '' || rest.at(-1) === '') return undefined;
  const kind = MODEL_VERBS.get(rest.join('/'));
  return kind === undefined ? undefined : { kind, model, version };
}

function otherRoute([, v2, group = '', ...rest]: string[]): Route | undefined {
  if (v2 !== 'v2') return undefined;
  if (group === 'repository' && rest[0] === 'models' && rest.length === 3) {
    const model = unquoted(rest[1] ?? '');
    if (model === '') return undefined;
    if (rest[2] === 'load') return { kind: 'model-load', model, version: '' };
    if (rest[2] === 'unload') return { kind: 'model-unload', model, version: '' };
  }
  if (group === 'systemsharedmemory' || group === 'cudasharedmemory') {
    const verb = rest.length === 1 ? rest[0] : rest[0] === 'region' && rest.length === 3 ? rest[2] : '';
    if (verb === 'status') return { kind: 'shared-memory', model: '', version: '' };
    if (verb === 'register' || verb === 'unregister') return { kind: 'shared-memory-change', model: '', version: '' };
  }
  return undefined;
}

/** A name as it was before the client quoted it; what is not quoted well is left as it stands. */
function unquoted(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}

const GET = 'GET, HEAD';
const POST = 'POST';
const GET_POST = 'GET, HEAD, POST';

/** The methods of a route, as the `Allow` header lists them. */
export function allowedMethods(kind: Route['kind']): typeof GET | typeof POST | typeof GET_POST {
  switch (kind) {
    case 'infer':
    case 'generate':
    case 'model-load':
    case 'model-unload':
    case 'repository-index':
    case 'shared-memory-change':
      return POST;
    case 'trace':
    case 'logging':
    case 'model-trace':
      return GET_POST;
    default:
      return GET;
  }
}

export function isAllowed(method: string, kind: Route['kind']): boolean {
  const allowed = allowedMethods(kind);
  if (method === 'POST') return allowed !== GET;
  if (method === 'GET' || method === 'HEAD') return allowed !== POST;
  return false;
}
