import { DATATYPE_BYTES, type Datatype } from '../../contract/datatype.js';
import type { Limits } from '../../contract/limits.js';
import type { TensorSpec } from '../../contract/signature.js';
import type { TensorSignature } from '../../contract/ws-message.js';
import type { ServedVersion } from '../model/served-version.js';

/** Times the buffered mark: what answers of one connection may take, unsent and expected. */
const ROOM_MARKS = 4;

/** JSON around the tensors of an answer. */
const ENVELOPE_BYTES = 256;

/** Most characters of one element in JSON, its comma included. Strings have no most; they count by what they were last. */
const JSON_BYTES: Readonly<Record<Datatype, number>> = {
  BOOL: 6,
  INT8: 5,
  INT16: 7,
  INT32: 12,
  INT64: 21,
  UINT8: 4,
  UINT16: 6,
  UINT32: 11,
  UINT64: 21,
  FP16: 2,
  BF16: 2,
  FP32: 16,
  FP64: 25,
  BYTES: 16,
};

/** Bytes that the answers of one connection may take, unsent ones and those that messages in flight will bring. */
export function replyRoom(limits: Pick<Limits, 'ws_buffered_bytes'>): number {
  return ROOM_MARKS * limits.ws_buffered_bytes;
}

/** What callers give to a version and get from it: state and constants are the server's own. */
export function callerSignature(version: ServedVersion): {
  readonly inputs: TensorSpec[];
  readonly outputs: TensorSpec[];
} {
  const { signature, manifest } = version;
  const stateInputs = new Set(manifest.state.map((pair) => pair.input));
  const stateOutputs = new Set(manifest.state.map((pair) => pair.output));
  return {
    inputs: signature.inputs.filter(({ name }) => !stateInputs.has(name) && !Object.hasOwn(manifest.constants, name)),
    outputs: signature.outputs.filter(({ name }) => !stateOutputs.has(name)),
  };
}

export function onTheWire({ name, datatype, shape }: TensorSpec): TensorSignature {
  return { name, datatype, shape: [...shape] };
}

/** Bytes of one row's answer as the signature tells them; a variable dimension counts as 1 until an answer was seen. */
export function rowReplyBytes(outputs: readonly TensorSpec[], isBatched: boolean, isBinary: boolean): number {
  let bytes = ENVELOPE_BYTES;
  for (const { datatype, shape } of outputs) {
    const width = (isBinary ? DATATYPE_BYTES[datatype] : 0) || JSON_BYTES[datatype];
    bytes += shape.slice(isBatched ? 1 : 0).reduce((product, dim) => product * Math.max(dim, 1), width);
  }
  return bytes;
}

/** Credits of a new stream: fewer where answers are so large that a full window of them would not fit the connection's room. */
export function initialCredits(limits: Pick<Limits, 'ws_credits' | 'ws_buffered_bytes'>, rowBytes: number): number {
  return Math.max(1, Math.min(limits.ws_credits, Math.floor(replyRoom(limits) / rowBytes)));
}
