import { z } from 'zod';

const MIB = 1024 * 1024;
const positive = z.int().positive();

/**
 * What one node refuses, each with its default. Every limit is configuration: flag `--limit-<name>`, variable
 * `TIDEGATE_LIMIT_<NAME>`, key `limits.<name>` in `tidegate.yaml`.
 */
export const LimitsSchema = z.strictObject({
  /** Largest request body, after decompression too, in bytes. */
  max_body_bytes: positive.default(64 * MIB).describe('largest request body, decompressed, in bytes'),
  /** Most bytes of request line and headers. */
  max_header_bytes: positive.default(16 * 1024).describe('most bytes of request line and headers'),
  /** Time for a whole request (headers and body) to arrive. */
  request_timeout_ms: positive.default(30_000).describe('time for a whole request to arrive'),
  /** Time that an idle keep-alive connection stays open. */
  keep_alive_ms: positive.default(75_000).describe('time that an idle HTTP connection stays open'),
  max_json_depth: positive.default(100).describe('deepest nesting of JSON'),
  max_tensor_dims: positive.default(32).describe('most dimensions of one tensor'),
  max_connections: positive.default(10_000).describe('most open connections'),
  /** Bytes of decoded inputs waiting or running, over all models. */
  max_queue_bytes: positive.default(256 * MIB).describe('bytes of decoded inputs waiting or running, over all models'),
  /** Default of a model's `queue.max_requests`. */
  max_queue_requests: positive.default(4096).describe('requests that may wait for one model'),
  /** Budget for models in memory, in bytes; 0: three quarters of the machine. */
  model_memory_bytes: z.int().nonnegative().default(0).describe('budget for models in memory; 0: 3/4 of the machine'),
  model_load_timeout_ms: positive.default(600_000).describe('time for one model version to load and warm'),
  drain_timeout_ms: positive
    .default(30_000)
    .describe('time for the requests of a retired version, or of a stopping node, to finish'),
  ws_max_streams: positive.default(256).describe('streams on one WebSocket connection'),
  ws_max_message_bytes: positive.default(64 * MIB).describe('largest WebSocket message'),
  ws_credits: positive.default(64).describe('messages in flight that one stream may have'),
  /** Above this many unsent bytes a connection's streams get no new credits; at four times of it the connection is closed. */
  ws_buffered_bytes: positive.default(1 * MIB).describe('unsent bytes of one connection above which its streams pause'),
  ws_idle_timeout_ms: positive.default(120_000).describe('time without any frame after which a WebSocket is closed'),
  /** State of a sequence that nobody continued for this long is dropped. */
  sequence_idle_ms: positive.default(60_000).describe('time after which the state of an idle sequence is dropped'),
  max_sequences: positive.default(10_000).describe('sequences and stateful streams with state on this node'),
});

export type Limits = z.infer<typeof LimitsSchema>;

export const DEFAULT_LIMITS: Limits = LimitsSchema.parse({});

/** Relations that must hold between limits; the first one that does not, as a sentence. */
export function limitsContradiction(limits: Limits): string | undefined {
  if (limits.max_queue_bytes < limits.max_body_bytes) {
    return `max_queue_bytes (${limits.max_queue_bytes}) must be at least max_body_bytes (${limits.max_body_bytes}): else the largest request could never be admitted`;
  }
  if (limits.ws_max_message_bytes > limits.max_body_bytes) {
    return `ws_max_message_bytes (${limits.ws_max_message_bytes}) must be at most max_body_bytes (${limits.max_body_bytes}): both faces share one codec`;
  }
  return undefined;
}
