import { Buffer } from 'node:buffer';
import { TidegateError } from '../../contract/error.js';
import { contentEncoding, decompressLater } from '../codec/compression.js';
import type { IndexEntry, LoadOverride } from '../model/served-version.js';
import type { BodyTaker, HttpExchange } from '../socket/face.js';
import type { HttpDependencies } from './dependencies.js';
import { replyError, replyJson, replyJsonText } from './problem.js';

export type RepositoryVerb = 'repository-index' | 'model-load' | 'model-unload';

const FILE_PREFIX = 'file:';

/** Lists, loads and unloads models. The body may be missing; it is read whole, since these are rare. */
export class RepositoryCall implements BodyTaker {
  readonly #exchange: HttpExchange;
  readonly #deps: HttpDependencies;
  readonly #verb: RepositoryVerb;
  readonly #model: string;
  readonly #encoding: string;

  constructor(exchange: HttpExchange, deps: HttpDependencies, verb: RepositoryVerb, model: string) {
    this.#exchange = exchange;
    this.#deps = deps;
    this.#verb = verb;
    this.#model = model;
    this.#encoding = exchange.header('content-encoding');
  }

  take(body: Uint8Array): void {
    this.#answer(Buffer.from(body)).catch((error: unknown) => replyError(this.#exchange, this.#deps, error));
  }

  async #answer(body: Uint8Array): Promise<void> {
    const { catalog, limits } = this.#deps;
    const plain = await decompressLater(body, contentEncoding(this.#encoding), limits.max_body_bytes);
    const request = readObject(plain);
    switch (this.#verb) {
      case 'repository-index':
        replyJson(this.#exchange, indexOf(catalog.index(), wantsReadyOnly(request)));
        return;
      case 'model-load':
        await catalog.load(this.#model, loadOverride(parametersOf(request)));
        break;
      case 'model-unload':
        checkUnload(parametersOf(request));
        await catalog.unload(this.#model);
    }
    // Nothing to tell: KServe's client parses JSON, Triton's looks at the status.
    replyJsonText(this.#exchange, '{}');
  }
}

type JsonObject = Readonly<Record<string, unknown>>;

function readObject(body: Uint8Array): JsonObject {
  if (body.length === 0) return {};
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TidegateError('INVALID_JSON', `failed to parse the request JSON buffer: ${why}`, { cause });
  }
  if (!isObject(value)) throw new TidegateError('INVALID_REQUEST', 'the request must be a JSON object');
  return value;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parametersOf(request: JsonObject): JsonObject {
  const { parameters } = request;
  if (parameters === undefined || parameters === null) return {};
  if (!isObject(parameters)) throw new TidegateError('INVALID_PARAMETER', "'parameters' must be a JSON object");
  return parameters;
}

function wantsReadyOnly({ ready }: JsonObject): boolean {
  if (ready === undefined || ready === null) return false;
  if (typeof ready !== 'boolean') throw new TidegateError('INVALID_PARAMETER', "'ready' must be true or false");
  return ready;
}

/** Of what was never loaded, Triton says the name alone. */
function indexOf(entries: readonly IndexEntry[], readyOnly: boolean): unknown[] {
  return entries
    .filter((entry) => !readyOnly || entry.state === 'READY')
    .map(({ name, version, state, reason }) =>
      reason === '' ? { name, version, state } : { name, version, state, reason },
    );
}

function loadOverride(parameters: JsonObject): LoadOverride {
  const files = new Map<string, Uint8Array>();
  let config: string | undefined;
  for (const [key, value] of Object.entries(parameters)) {
    if (key === 'config') config = textParameter(key, value);
    else if (key.startsWith(FILE_PREFIX)) files.set(key.slice(FILE_PREFIX.length), fromBase64(key, value));
  }
  return { ...(config === undefined ? {} : { config }), ...(files.size === 0 ? {} : { files }) };
}

function textParameter(name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  throw new TidegateError('INVALID_PARAMETER', `the parameter '${name}' must be a string`);
}

function fromBase64(name: string, value: unknown): Uint8Array {
  const text = textParameter(name, value);
  if (text.length % 4 === 1 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) {
    throw new TidegateError('INVALID_PARAMETER', `the parameter '${name}' must be base64`);
  }
  return Buffer.from(text, 'base64');
}

/** No model here depends on another, so `unload_dependents` changes nothing. */
function checkUnload({ unload_dependents }: JsonObject): void {
  if (unload_dependents !== undefined && typeof unload_dependents !== 'boolean') {
    throw new TidegateError('INVALID_PARAMETER', "the parameter 'unload_dependents' must be true or false");
  }
}
