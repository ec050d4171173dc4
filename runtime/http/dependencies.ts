import type { ErrorCode } from '../../contract/error.js';
import type { Limits } from '../../contract/limits.js';
import type { Inference } from '../admission/inference.js';
import type { ModelCatalog, RunningDevice, ServedVersion } from '../model/served-version.js';
import type { CorsPolicy } from './cors.js';

/** What one request did, for the log. */
export interface RequestFields {
  readonly model: string;
  readonly version: string;
  /** The caller's id of the inference, or the header `x-request-id`. */
  readonly request_id: string;
  readonly traceparent: string;
  readonly status: number;
  /** The error code; '' when it was answered. */
  readonly code: string;
  readonly total_us: number;
}

export interface HttpLog {
  /** A failure that is the program's own, with its cause. */
  error(fields: { readonly error: unknown; readonly path: string }, message: string): void;
  /** undefined: requests are not logged, and nothing is gathered for it. */
  readonly request: ((fields: RequestFields) => void) | undefined;
}

export interface ServerIdentity {
  readonly name: string;
  readonly version: string;
  /** Which socket serves. */
  socketKind(): string;
}

export interface HttpDependencies {
  readonly catalog: ModelCatalog;
  readonly inference: Inference;
  readonly limits: Limits;
  readonly server: ServerIdentity;
  /** Triton's statistics of one version, of the versions of one model, or of all. Throws MODEL_NOT_FOUND. */
  statistics(model?: string, version?: string): unknown;
  /** What runs a version; absent: nobody says. */
  readonly deviceOf?: (version: ServedVersion) => RunningDevice;
  /** The text that Prometheus reads. */
  metrics(): string;
  /** Whether this node wants traffic. */
  ready(): boolean;
  readonly log: HttpLog;
  /** Whether the trace of a request is wanted, beyond the line in the log. */
  readonly traced?: boolean;
  /** undefined: pages of other origins may not read what this node answers. */
  readonly cors?: CorsPolicy | undefined;
  /** Counts an error that a caller was told. */
  readonly told?: (code: ErrorCode) => void;
}
