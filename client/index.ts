export type { Datatype } from '../contract/datatype.js';
export type { StreamAnswer } from './answer-queue.js';
export type { ReconnectOptions } from './backoff.js';
export { type ClientErrorCode, TidegateClientError } from './error.js';
export type { InferResult, Inputs, MessageOptions, OutputRequest } from './message.js';
export { ScoringStream } from './scoring-stream.js';
export type { StreamMessageOptions, StreamOptions } from './stream-options.js';
export { type ConnectionState, type ConnectOptions, StreamingConnection } from './streaming-connection.js';
export type { InputValue, NumericArray, OutputTensor, TensorInput, TensorSpec, TensorValues } from './tensor.js';
export {
  type ClientOptions,
  type InferOptions,
  type ModelMetadata,
  type ServerMetadata,
  TidegateClient,
} from './tidegate-client.js';
export type { WebSocketConstructor, WebSocketLike } from './web-socket.js';
