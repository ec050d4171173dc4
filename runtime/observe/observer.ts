import type { TidegateError } from '../../contract/error.js';
import type { StageTimes } from '../../contract/inference.js';
import type { FaceName } from '../admission/inference.js';
import type { ServedVersion } from '../model/served-version.js';
import type { BackendEvent } from '../worker/messages.js';

/** What happens to requests, told by the stages to whoever counts. Calls are on the request path: cheap, and never throwing. */
export interface Observer {
  /** A request became part of a model's queue. */
  admitted(version: ServedVersion): void;
  /** A batch ran. `rows` are rows, `requests` are callers. */
  executed(version: ServedVersion, rows: number, requests: number, times: StageTimes): void;
  /** A request was answered. `rows` counts as Triton's inference_count. */
  succeeded(version: ServedVersion, face: FaceName, rows: number, total_us: number, times: StageTimes): void;
  /** A request that had been meant for this version failed, was refused or was cancelled. */
  failed(version: ServedVersion, face: FaceName, error: TidegateError, total_us: number): void;
  workerLost(worker: number, reason: string): void;
  /** Something happened to the device that a version runs on. */
  backendEvent(version: ServedVersion, event: BackendEvent): void;
}
