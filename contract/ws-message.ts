import { z } from 'zod';
import { DATATYPES } from './datatype.js';
import { ERROR_KINDS, type ErrorCode } from './error.js';

/**
 * Every message of the WebSocket subprotocol `tidegate.v1`, both ways. docs/websocket.md says what they mean, docs/asyncapi.yaml
 * carries the JSON Schemas made from these. What clients send is read strictly, inference aside: its unknown members are skipped,
 * as over HTTP. What servers send may grow members and types, which clients skip.
 */

/** Longest `id` of a message, in characters: ids are kept while their messages are in flight. */
export const WS_MAX_ID_LENGTH = 256;
export const WS_MAX_STREAM = 0xffff_ffff;

const stream = z.int().min(0).max(WS_MAX_STREAM).describe('number of the stream, chosen by the client');
const id = z.string().min(1).max(WS_MAX_ID_LENGTH).describe("the message's id, echoed in its answer");
const microseconds = z.int().nonnegative();
const datatype = z.enum(DATATYPES as [string, ...string[]]).describe('datatype of the Open Inference Protocol');
const codes = Object.keys(ERROR_KINDS) as [ErrorCode, ...ErrorCode[]];

const RequestedOutputSchema = z.strictObject({
  name: z.string().min(1),
  parameters: z
    .strictObject({
      binary_data: z.boolean().optional(),
      classification: z.int().nonnegative().optional().describe('answer the top N classes instead of the tensor'),
    })
    .optional(),
});

const StreamParametersSchema = z.strictObject({
  binary_data_output: z.boolean().optional().describe('answer with binary tensors'),
  priority: z.int().nonnegative().optional().describe('1 is served first; 0: as the model says'),
});

export const OpenMessageSchema = z.strictObject({
  type: z.literal('open'),
  stream,
  model: z.string().min(1),
  version: z
    .union([z.int().positive(), z.string().min(1)])
    .optional()
    .describe('version number or version label; absent: whatever the model serves by default, message by message'),
  order: z
    .enum(['ordered', 'ready'])
    .default('ordered')
    .describe('ordered: answers come in the order of their messages; ready: as soon as each is there'),
  outputs: z.array(RequestedOutputSchema).optional().describe('outputs of messages that name none; absent: all'),
  parameters: StreamParametersSchema.optional().describe('what holds for every message of the stream'),
  timeout_us: microseconds
    .optional()
    .describe('deadline of messages that set no `parameters.timeout`, in microseconds from arrival; 0: none'),
});

const parameters = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));

export const InferMessageSchema = z.looseObject({
  type: z.literal('infer'),
  stream,
  id: id.optional().describe('required in streams of order `ready`; unique among the messages in flight'),
  inputs: z.array(
    z.looseObject({
      name: z.string(),
      datatype,
      shape: z.array(z.int().nonnegative()),
      parameters: parameters.optional().describe('binary_data_size: the tensor follows the JSON, with this many bytes'),
      data: z.array(z.unknown()).optional().describe('the elements, flat or nested; absent when binary'),
    }),
  ),
  outputs: z.array(z.looseObject({ name: z.string(), parameters: parameters.optional() })).optional(),
  parameters: parameters
    .optional()
    .describe('timeout (microseconds), priority, binary_data_output; sequence_start and sequence_end if stateful'),
});

export const CancelMessageSchema = z.strictObject({
  type: z.literal('cancel'),
  stream,
  id: id.optional().describe('absent: everything in flight of the stream'),
});

export const CloseMessageSchema = z.strictObject({ type: z.literal('close'), stream });

export const PingMessageSchema = z.strictObject({
  type: z.literal('ping'),
  id: id.optional(),
});

/** Client messages other than `infer`, which the codec of inference requests reads. */
export const ControlMessageSchema = z.discriminatedUnion('type', [
  OpenMessageSchema,
  CancelMessageSchema,
  CloseMessageSchema,
  PingMessageSchema,
]);

const TensorSignatureSchema = z.object({
  name: z.string(),
  datatype,
  shape: z.array(z.int().min(-1)).describe('-1: variable'),
});

const credits = z.int().nonnegative();

export const OpenedMessageSchema = z.object({
  type: z.literal('opened'),
  stream,
  model: z.string(),
  version: z.string().describe('the version that would serve a message now'),
  order: z.enum(['ordered', 'ready']),
  credits: z.int().positive().describe('messages that may be sent before the first answer'),
  stateful: z.boolean().describe('whether the model keeps state from message to message of this stream'),
  inputs: z.array(TensorSignatureSchema),
  outputs: z.array(TensorSignatureSchema),
});

export const ResultMessageSchema = z.object({
  type: z.literal('result'),
  stream,
  credits: credits.describe('messages that may be sent in addition from now on'),
  model_name: z.string(),
  model_version: z.string(),
  id: id.optional(),
  parameters: z
    .object({
      'tidegate-log': z
        .string()
        .optional()
        .describe('<node>:<epoch>:<seq>, the record of this request in the prediction log'),
      'tidegate-request-id': z.string().optional().describe('the id that the log gave to a message without one'),
    })
    .optional(),
  outputs: z.array(
    z.object({
      name: z.string(),
      datatype,
      shape: z.array(z.int().nonnegative()),
      parameters: z.object({ binary_data_size: z.int().nonnegative() }).optional(),
      data: z.array(z.unknown()).optional(),
    }),
  ),
});

export const ErrorMessageSchema = z.object({
  type: z.literal('error'),
  stream: stream.optional().describe('absent: the message could not be read as far as its stream'),
  id: id.optional(),
  credits: credits.optional().describe('present when this answers a message that had taken a credit'),
  code: z.enum(codes),
  error: z.string().describe('what was wrong, with what value, and what to do'),
  retryable: z.boolean().describe('whether the same message may succeed a little later'),
  retry_after_ms: z.number().nonnegative().optional(),
});

export const CreditMessageSchema = z.object({
  type: z.literal('credit'),
  stream,
  credits: z.int().positive().describe('messages that may be sent in addition from now on'),
});

export const ClosedMessageSchema = z.object({
  type: z.literal('closed'),
  stream,
  reason: z
    .enum(['requested', 'state_lost'])
    .describe('requested: the client closed it; state_lost: the state of a stateful stream is gone, open a new one'),
});

export const PongMessageSchema = z.object({ type: z.literal('pong'), id: id.optional() });

export const GoingAwayMessageSchema = z.object({
  type: z.literal('going_away'),
  deadline_ms: z.int().nonnegative().describe('time left for what is in flight'),
});

export const ServerMessageSchema = z.discriminatedUnion('type', [
  OpenedMessageSchema,
  ResultMessageSchema,
  ErrorMessageSchema,
  CreditMessageSchema,
  ClosedMessageSchema,
  PongMessageSchema,
  GoingAwayMessageSchema,
]);

export type OpenMessage = z.infer<typeof OpenMessageSchema>;
export type ControlMessage = z.infer<typeof ControlMessageSchema>;
export type OpenedMessage = z.infer<typeof OpenedMessageSchema>;
export type ResultMessage = z.infer<typeof ResultMessageSchema>;
export type ErrorMessage = z.infer<typeof ErrorMessageSchema>;
export type ClosedMessage = z.infer<typeof ClosedMessageSchema>;
export type ServerMessage = z.infer<typeof ServerMessageSchema>;
export type StreamOrder = OpenMessage['order'];
export type TensorSignature = z.infer<typeof TensorSignatureSchema>;

/** All messages by the names that docs/asyncapi.yaml gives them. */
export const WS_MESSAGES = {
  open: OpenMessageSchema,
  infer: InferMessageSchema,
  cancel: CancelMessageSchema,
  close: CloseMessageSchema,
  ping: PingMessageSchema,
  opened: OpenedMessageSchema,
  result: ResultMessageSchema,
  error: ErrorMessageSchema,
  credit: CreditMessageSchema,
  closed: ClosedMessageSchema,
  pong: PongMessageSchema,
  going_away: GoingAwayMessageSchema,
} as const;
