import type { Datatype } from './datatype.js';

/**
 * What the codec makes of a request, whatever face it came through. Tensor data is not decoded yet: `start` and `end` are
 * byte offsets into `source`, valid only while the call that received the body runs. Admission decodes straight into shared memory.
 */
export interface InferRequest {
  readonly model: string;
  /** A version number in decimal, a version label, or '' for the one that is served by default. */
  readonly version: string;
  /** The caller's id, echoed; '' when there was none. */
  readonly id: string;
  readonly source: Uint8Array;
  readonly inputs: readonly RequestTensor[];
  /** undefined: all outputs. */
  readonly outputs: readonly RequestedOutput[] | undefined;
  /** Request-level `binary_data_output`: applies to outputs that do not say `binary_data` themselves. */
  readonly binary_output: boolean;
  /** 0: not given. 1 is the highest. */
  readonly priority: number;
  /** Microseconds from arrival after which the answer is worthless; 0: not given. */
  readonly timeout_us: number;
  /** '' when not part of a sequence. Numbers are written in decimal, strings get the prefix `s:`, so the two never collide. */
  readonly sequence_id: string;
  readonly sequence_start: boolean;
  readonly sequence_end: boolean;
  /** Parameters of the caller's own, as text; undefined: none. */
  readonly custom?: ReadonlyMap<string, string> | undefined;
  /** The header of that name, as it came. */
  readonly traceparent?: string;
  /** Header `tidegate-key`, or the parameter `tidegate_key`: where weights choose among versions, the same key gets the same one. */
  readonly key?: string;
}

export interface RequestTensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  /** Product of the shape, checked to be a safe integer. */
  readonly elements: number;
  readonly encoding: 'json' | 'binary';
  readonly start: number;
  readonly end: number;
}

export interface RequestedOutput {
  readonly name: string;
  /** undefined: as `binary_output` says. */
  readonly binary: boolean | undefined;
  /** Top N classes as BYTES; 0: the tensor itself. */
  readonly classification: number;
}

/**
 * One output of one caller: its own rows only. `bytes` is a view into shared memory, valid only during the callback that hands
 * it over. Little-endian, row-major; BYTES in the protocol's binary form (u32 LE length, then the bytes, per element).
 */
export interface OutputTensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** Where the time of a request went, in microseconds. */
export interface StageTimes {
  readonly queue_us: number;
  readonly compute_input_us: number;
  readonly compute_infer_us: number;
  readonly compute_output_us: number;
}

export interface InferReply {
  readonly model: string;
  readonly version: string;
  readonly outputs: readonly OutputTensor[];
  /** Class names by output, from the manifest. */
  readonly labels: Readonly<Record<string, readonly string[]>>;
  readonly times: StageTimes;
  /** Rows of the whole batch that this request was part of. */
  readonly batch_rows: number;
  /** Whether the first dimension of every output is the batch: classification answers a list for each row then. */
  readonly batched: boolean;
  /** Set when the request lies in the prediction log. */
  readonly logged?: LoggedAs | undefined;
}

/** What a caller is told of the record of its request. */
export interface LoggedAs {
  /** `<node>:<epoch>:<seq>`: names the request for ever. */
  readonly token: string;
  /** The id that the request got, where the caller gave none: labels refer to it. '' where the caller knows it. */
  readonly request_id: string;
}
