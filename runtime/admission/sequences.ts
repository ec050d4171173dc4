import { TidegateError } from '../../contract/error.js';
import type { InferRequest } from '../../contract/inference.js';
import type { Limits } from '../../contract/limits.js';
import { now_us } from '../../std/clock.js';
import type { ModelQueue } from '../batch/model-queue.js';
import { Sequence } from '../batch/sequence.js';
import { NO_MEMORY, offsetOf, type SlabArena, segmentOf } from '../batch/slab-arena.js';
import { STREAM_SEQUENCE_PREFIX } from './inference.js';

const SWEEP_MS = 1000;

/** The sequences and streams that hold state on this node, by model and sequence id. */
export class Sequences {
  readonly #open = new Map<string, Sequence>();
  readonly #arena: SlabArena;
  readonly #limits: Pick<Limits, 'max_sequences' | 'sequence_idle_ms'>;
  readonly #timer: NodeJS.Timeout;

  constructor(arena: SlabArena, limits: Pick<Limits, 'max_sequences' | 'sequence_idle_ms'>) {
    this.#arena = arena;
    this.#limits = limits;
    this.#timer = setInterval(() => this.#sweep(), SWEEP_MS);
    this.#timer.unref();
  }

  get count(): number {
    return this.#open.size;
  }

  /** The queue of the version that a running sequence began with, whatever version is served now. */
  queueOf(request: InferRequest): ModelQueue | undefined {
    if (request.sequence_start) return undefined;
    return this.#open.get(key(request.model, request.sequence_id))?.queue;
  }

  /** The state for a request of a stateful model. A start begins anew, with zeros. */
  stateFor(request: InferRequest, queue: ModelQueue): Sequence {
    const { model, sequence_id } = request;
    if (sequence_id === '') {
      throw new TidegateError(
        'INVALID_PARAMETER',
        `inference request to model '${model}' must specify a non-zero or non-empty correlation ID: it is stateful, give parameters sequence_id, and sequence_start: true on the first request`,
      );
    }
    const name = key(model, sequence_id);
    const open = this.#open.get(name);
    if (open !== undefined && !request.sequence_start) {
      if (open.queue.refusal === undefined) return open;
      this.#close(open);
      throw new TidegateError(
        'SEQUENCE_NOT_FOUND',
        `the version that sequence '${sequence_id}' of model '${model}' ran on was retired, and its state with it: start it again`,
      );
    }
    if (open === undefined && !request.sequence_start) {
      throw new TidegateError(
        'SEQUENCE_NOT_FOUND',
        `inference request for sequence '${sequence_id}' to model '${model}' must specify the START flag on the first request of the sequence: it was never started, has ended, or was idle for more than ${this.#limits.sequence_idle_ms} ms`,
      );
    }
    if (open !== undefined) this.#close(open);
    return this.#begin(name, queue, sequence_id.startsWith(STREAM_SEQUENCE_PREFIX));
  }

  end(model: string, sequence_id: string): void {
    const sequence = this.#open.get(key(model, sequence_id));
    if (sequence !== undefined) this.#close(sequence);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #begin(name: string, queue: ModelQueue, lasting: boolean): Sequence {
    if (this.#open.size >= this.#limits.max_sequences) {
      throw new TidegateError(
        'TOO_MANY_STREAMS',
        `${this.#open.size} sequences hold state on this node already, which is its limit max_sequences: end some with sequence_end`,
        { retry_after_ms: 1000 },
      );
    }
    const { state_bytes } = queue.plan;
    const address = this.#arena.allocate(2 * state_bytes);
    if (address === NO_MEMORY)
      throw new TidegateError(
        'MEMORY_EXHAUSTED',
        'there is no memory for the state of another sequence: raise max_queue_bytes',
        { retry_after_ms: 1000 },
      );
    const offset = offsetOf(address);
    this.#arena.views(segmentOf(address)).u8.fill(0, offset, offset + state_bytes);
    const sequence = new Sequence({
      key: name,
      queue,
      address,
      block_bytes: state_bytes,
      started_us: now_us(),
      lasting,
      released: (ended) => {
        this.#arena.free(ended.address, 2 * ended.block_bytes);
        ended.queue.open_sequences--;
      },
    });
    queue.open_sequences++;
    this.#open.set(name, sequence);
    return sequence;
  }

  /** Forgets the sequence; its memory goes back once nothing of it runs any more. */
  #close(sequence: Sequence): void {
    if (this.#open.get(sequence.key) === sequence) this.#open.delete(sequence.key);
    if (sequence.closed) return;
    sequence.closed = true;
    if (!sequence.busy) sequence.idle();
  }

  /** A request with sequence_end closes its sequence when it is done; the name must not outlive it. */
  forgetEnded(sequence: Sequence): void {
    if (this.#open.get(sequence.key) === sequence) this.#open.delete(sequence.key);
  }

  #sweep(): void {
    const idle_since_us = now_us() - this.#limits.sequence_idle_ms * 1000;
    for (const sequence of this.#open.values()) {
      const idle = !sequence.lasting && sequence.used_us < idle_since_us;
      if (!sequence.busy && (idle || sequence.queue.refusal !== undefined)) this.#close(sequence);
    }
  }
}

function key(model: string, sequence_id: string): string {
  return `${model}\u0000${sequence_id}`;
}
