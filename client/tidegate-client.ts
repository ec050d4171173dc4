import { cancelled, TidegateClientError } from './error.js';
import {
  decodeError,
  decodeResult,
  encodeMessage,
  type InferResult,
  type Inputs,
  isObject,
  type JsonObject,
  joined,
  type MessageOptions,
  parseObject,
} from './message.js';
import { type ConnectOptions, StreamingConnection } from './streaming-connection.js';
import { isComplete, type TensorSpec } from './tensor.js';

export interface ClientOptions {
  /** Sent with every HTTP request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: the platform's own. */
  readonly fetch?: typeof fetch;
}

export interface InferOptions extends MessageOptions {
  /** Default: what the model serves by default. Labels are for streams; HTTP knows numbers only. */
  readonly version?: number;
  readonly signal?: AbortSignal;
}

export interface ServerMetadata {
  readonly name: string;
  readonly version: string;
  readonly extensions: readonly string[];
}

export interface ModelMetadata {
  readonly name: string;
  readonly versions: readonly string[];
  readonly platform: string;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

const JSON_LENGTH_HEADER = 'inference-header-content-length';

/** A client for one server: single predictions over HTTP, streams of them over a WebSocket. */
export class TidegateClient {
  readonly url: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #fetch: typeof fetch;
  readonly #signatures = new Map<string, Promise<ModelMetadata>>();

  /** `url`: where the runtime listens, as `http://127.0.0.1:8080`. */
  constructor(url: string, options: ClientOptions = {}) {
    this.url = url.replace(/\/+$/, '');
    this.#headers = options.headers ?? {};
    // Browsers refuse to run their own fetch as a method of anything but the window.
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
  }

  /** Scores one request. Tensors travel in binary form both ways. */
  async infer(model: string, inputs: Inputs, options: InferOptions = {}): Promise<InferResult> {
    const { version, signal, ...rest } = options;
    const path = modelPath(model, version);
    const signature = Object.values(inputs).every(isComplete) ? undefined : (await this.#signature(path)).inputs;
    const message = encodeMessage({}, inputs, rest, signature);
    const headers = { 'content-type': 'application/octet-stream', [JSON_LENGTH_HEADER]: String(message.json.length) };
    try {
      const response = await this.#request('POST', `${path}/infer`, { headers, body: joined(message, 0) }, signal);
      return await readResult(response);
    } catch (error) {
      // The model may have changed since its signature was read.
      if (error instanceof TidegateClientError && error.status === 400) this.#signatures.delete(path);
      throw error;
    }
  }

  /** A connection for streams of predictions. */
  connect(options: ConnectOptions = {}): Promise<StreamingConnection> {
    return StreamingConnection.open(this.url, options);
  }

  async live(): Promise<boolean> {
    return this.#isWell('/v2/health/live');
  }

  /** Whether the server, or a model, answers now. A server that cannot be reached is not ready. */
  async ready(model?: string, version?: number): Promise<boolean> {
    return this.#isWell(model === undefined ? '/v2/health/ready' : `${modelPath(model, version)}/ready`);
  }

  async serverMetadata(): Promise<ServerMetadata> {
    const { name, version, extensions } = await this.#json('/v2');
    return { name: String(name), version: String(version), extensions: Array.isArray(extensions) ? extensions : [] };
  }

  async metadata(model: string, version?: number): Promise<ModelMetadata> {
    return this.#metadata(modelPath(model, version));
  }

  async #metadata(path: string): Promise<ModelMetadata> {
    const { name, versions, platform, inputs, outputs } = await this.#json(path);
    return {
      name: String(name),
      versions: Array.isArray(versions) ? versions.map(String) : [],
      platform: String(platform),
      inputs: specsOf(inputs),
      outputs: specsOf(outputs),
    };
  }

  async #signature(path: string): Promise<ModelMetadata> {
    const known = this.#signatures.get(path);
    if (known !== undefined) return known;
    const fresh = this.#metadata(path);
    this.#signatures.set(path, fresh);
    fresh.catch(() => this.#signatures.delete(path));
    return fresh;
  }

  async #isWell(path: string): Promise<boolean> {
    try {
      const response = await this.#request('GET', path, {});
      await response.arrayBuffer();
      return true;
    } catch (error) {
      if (error instanceof TidegateClientError) return false;
      throw error;
    }
  }

  async #json(path: string): Promise<JsonObject> {
    const response = await this.#request('GET', path, {});
    return parseObject(await response.text(), 'the answer');
  }

  async #request(
    method: string,
    path: string,
    what: { readonly headers?: Record<string, string>; readonly body?: Uint8Array<ArrayBuffer> },
    signal?: AbortSignal,
  ): Promise<Response> {
    let response: Response;
    try {
      response = await this.#fetch(`${this.url}${path}`, {
        method,
        headers: { ...this.#headers, ...what.headers },
        ...(what.body === undefined ? {} : { body: what.body }),
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (cause) {
      if (signal?.aborted === true) throw cancelled(signal);
      throw new TidegateClientError('CONNECT_FAILED', `${this.url} cannot be reached`, { cause });
    }
    if (response.ok) return response;
    throw await readError(response);
  }
}

function modelPath(model: string, version: number | undefined): string {
  const path = `/v2/models/${encodeURIComponent(model)}`;
  return version === undefined ? path : `${path}/versions/${version}`;
}

async function readResult(response: Response): Promise<InferResult> {
  const bytes = new Uint8Array(await response.arrayBuffer());
  const told = response.headers.get(JSON_LENGTH_HEADER);
  const json_bytes = told === null ? bytes.length : Number(told);
  const text = new TextDecoder().decode(bytes.subarray(0, json_bytes));
  return decodeResult(parseObject(text, 'the answer'), bytes.subarray(json_bytes));
}

async function readError(response: Response): Promise<TidegateClientError> {
  const text = await response.text();
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  const retry_after_ms = Number.isFinite(seconds) ? seconds * 1000 : undefined;
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    // Not from Tidegate: a proxy on the way, most likely. Its status still says whether to try again.
    body = undefined;
  }
  return decodeError(isObject(body) ? body : {}, response.status, retry_after_ms);
}

function specsOf(value: unknown): TensorSpec[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((given: unknown) => {
    const { name, datatype, shape } = isObject(given) ? given : {};
    const isSpec = typeof name === 'string' && typeof datatype === 'string' && Array.isArray(shape);
    return isSpec ? [{ name, datatype, shape: shape.map(Number) }] : [];
  });
}
