import { TidegateError } from '../../contract/error.js';
import type { InferRequest, RequestTensor } from '../../contract/inference.js';
import { now_us } from '../../std/clock.js';
import type { Dispatcher } from '../batch/dispatcher.js';
import type { Entry } from '../batch/entry.js';
import type { Host } from '../batch/host.js';
import type { Lane } from '../batch/lane.js';
import type { ModelQueue } from '../batch/model-queue.js';
import type { Sequence } from '../batch/sequence.js';
import { type Address, NO_MEMORY, offsetOf, segmentOf } from '../batch/slab-arena.js';
import { decodeTensor, tensorByteLength } from '../codec/tensor-decode.js';
import type { ModelCatalog } from '../model/served-version.js';
import type { Observer } from '../observe/observer.js';
import type { FaceName, Inference, Ticket, Waiter } from './inference.js';
import { type CheckedRequest, checkRequest } from './request-check.js';
import type { Sequences } from './sequences.js';

/** Triton's clients look for this text. */
const QUEUE_FULL_TEXT = 'Exceeds maximum queue size';

/**
 * Lets a request in, or refuses it at once: checks it, takes its permits (a place and the bytes in its model's queue), decodes
 * its tensors into shared memory and queues it. Nothing is held when it throws.
 */
export class Admission implements Inference {
  readonly #catalog: ModelCatalog;
  readonly #host: Host;
  readonly #sequences: Sequences;
  readonly #observer: Observer;
  readonly #retryAfter_ms: number;
  readonly #maxQueueBytes: number;
  #stopping = false;

  constructor(parts: {
    catalog: ModelCatalog;
    host: Host;
    sequences: Sequences;
    observer: Observer;
    max_queue_bytes: number;
    retry_after_ms?: number;
  }) {
    this.#catalog = parts.catalog;
    this.#host = parts.host;
    this.#sequences = parts.sequences;
    this.#observer = parts.observer;
    this.#maxQueueBytes = parts.max_queue_bytes;
    this.#retryAfter_ms = parts.retry_after_ms ?? 1000;
  }

  /** From now on everything is refused with SHUTTING_DOWN; what was admitted goes on. */
  stop(): void {
    this.#stopping = true;
  }

  infer(request: InferRequest, waiter: Waiter, face: FaceName, arrived_us: number): Ticket {
    if (this.#stopping)
      throw new TidegateError('SHUTTING_DOWN', 'this node is shutting down: send the request to another', {
        retry_after_ms: this.#retryAfter_ms,
      });
    const queue = this.#queueFor(request);
    let entry: Entry;
    try {
      const checked = checkRequest(request, queue.plan);
      entry = this.#admit(request, queue, checked, waiter, face, arrived_us);
    } catch (error) {
      if (error instanceof TidegateError) {
        queue.log?.refused(request, { face, arrived_us, variant: queue.variant }, error.code, now_us() - arrived_us);
      }
      throw error;
    }
    this.#host.dispatcher.submit(entry);
    return new AdmittedRequest(this.#host.dispatcher, entry);
  }

  endSequence(model: string, sequence_id: string): void {
    this.#sequences.end(model, sequence_id);
  }

  #queueFor(request: InferRequest): ModelQueue {
    const sequenced = request.sequence_id === '' ? undefined : this.#sequences.queueOf(request);
    if (sequenced !== undefined && sequenced.refusal === undefined) return sequenced;
    const version = this.#catalog.resolve(request.model, request.version, request.key);
    const queue = this.#host.backlog.get(version.handle);
    if (queue === undefined)
      throw new TidegateError('MODEL_NOT_READY', `model '${request.model}' is not ready: it is being retired`, {
        retry_after_ms: this.#retryAfter_ms,
      });
    return queue;
  }

  #admit(
    request: InferRequest,
    queue: ModelQueue,
    checked: CheckedRequest,
    waiter: Waiter,
    face: FaceName,
    arrived_us: number,
  ): Entry {
    const { plan, version } = queue;
    const inputBytes = checked.tensors.map((tensor) => tensorByteLength(request.source, tensor));
    let bytes = 0;
    for (const length of inputBytes) bytes += (length + 7) & ~7;
    this.#checkRoom(queue, bytes, face, arrived_us);
    const address = this.#host.arena.allocate(bytes);
    if (address === NO_MEMORY)
      throw this.#refuse(
        queue,
        face,
        arrived_us,
        `this node's memory for requests is full (max_queue_bytes ${this.#maxQueueBytes})`,
      );
    let sequence: Sequence | undefined;
    try {
      this.#decode(request.source, checked.tensors, inputBytes, address);
      if (plan.stateful) sequence = this.#statefulSequence(request, queue, checked.rows);
    } catch (error) {
      this.#host.arena.free(address, bytes);
      throw error;
    }
    const timeout_us = request.timeout_us > 0 ? request.timeout_us : version.manifest.timeout_us;
    if (sequence !== undefined && request.sequence_end) this.#sequences.forgetEnded(sequence);
    return {
      phase: 'waiting',
      waiter,
      queue,
      lane: laneFor(request, queue, checked),
      face,
      rows: checked.rows,
      address,
      bytes,
      inputBytes,
      arrived_us,
      admitted_us: now_us(),
      deadline_us: timeout_us > 0 ? arrived_us + timeout_us : Number.POSITIVE_INFINITY,
      sequence,
      endsSequence: request.sequence_end,
      alone: false,
      note: queue.log?.note(request),
    };
  }

  #checkRoom(queue: ModelQueue, bytes: number, face: FaceName, arrived_us: number): void {
    if (queue.refusal !== undefined) throw queue.refusal;
    const full = queue.log?.refusal();
    if (full !== undefined) {
      this.#observer.failed(queue.version, face, full, now_us() - arrived_us);
      throw full;
    }
    const { model } = queue.version;
    if (queue.open_requests >= queue.max_requests) {
      throw this.#refuse(queue, face, arrived_us, `${queue.open_requests} requests wait for model '${model}' already`);
    }
    if (queue.open_bytes + bytes > queue.max_bytes) {
      throw this.#refuse(
        queue,
        face,
        arrived_us,
        `${queue.open_bytes} bytes wait for model '${model}', ${bytes} more would pass its limit of ${queue.max_bytes}`,
      );
    }
    if (this.#host.arena.used_bytes + bytes > this.#maxQueueBytes) {
      throw this.#refuse(
        queue,
        face,
        arrived_us,
        `this node's memory for requests is full (max_queue_bytes ${this.#maxQueueBytes})`,
      );
    }
  }

  #refuse(queue: ModelQueue, face: FaceName, arrived_us: number, why: string): TidegateError {
    const error = new TidegateError('QUEUE_FULL', `${QUEUE_FULL_TEXT}: ${why}; try again later`, {
      retry_after_ms: this.#retryAfter_ms,
    });
    this.#observer.failed(queue.version, face, error, now_us() - arrived_us);
    return error;
  }

  #statefulSequence(request: InferRequest, queue: ModelQueue, rows: number): Sequence {
    if (rows !== 1) {
      throw new TidegateError(
        'INVALID_SHAPE',
        `model '${request.model}' is stateful: a request of a sequence has one row, got ${rows}. Send the rows one after the other`,
      );
    }
    return this.#sequences.stateFor(request, queue);
  }

  #decode(
    source: Uint8Array,
    tensors: readonly RequestTensor[],
    inputBytes: readonly number[],
    address: Address,
  ): void {
    const views = this.#host.arena.views(segmentOf(address));
    let offset = offsetOf(address);
    for (let index = 0; index < tensors.length; index++) {
      decodeTensor(source, tensors[index], views, offset);
      offset += (inputBytes[index] + 7) & ~7;
    }
  }
}

class AdmittedRequest implements Ticket {
  readonly #dispatcher: Dispatcher;
  readonly #entry: Entry;

  constructor(dispatcher: Dispatcher, entry: Entry) {
    this.#dispatcher = dispatcher;
    this.#entry = entry;
  }

  cancel(): void {
    this.#dispatcher.cancel(this.#entry);
  }
}

function laneFor(request: InferRequest, queue: ModelQueue, checked: CheckedRequest): Lane {
  const { manifest } = queue.version;
  const levels = manifest.priority_levels;
  // Higher numbers than there are levels mean the lowest, as in Triton.
  const priority =
    levels === 0 ? 0 : Math.min(request.priority || manifest.default_priority || Math.ceil(levels / 2), levels);
  return queue.lane(priority, checked.shapeKey, checked.tensors);
}
