import type { TidegateError } from '../../contract/error.js';
import type { InferReply } from '../../contract/inference.js';
import type { Ticket, Waiter } from '../admission/inference.js';
import type { ReplyShape } from '../respond/infer-response.js';

/** Who takes the end of a pending message: its stream. */
export interface MessageOwner {
  answered(message: PendingMessage, reply: InferReply): void;
  failed(message: PendingMessage, error: TidegateError): void;
}

/** A message that has taken a credit and whose answer has not been made yet. */
export class PendingMessage implements Waiter {
  readonly place: number;
  id: string;
  /** Known once the message was read. */
  shape: ReplyShape | undefined;
  rows = 1;
  /** What its answer will probably take, counted against the connection's room. */
  expected_bytes = 0;
  /** Known once the message was admitted. */
  ticket: Ticket | undefined;
  readonly #owner: MessageOwner;

  constructor(owner: MessageOwner, place: number, id: string) {
    this.#owner = owner;
    this.place = place;
    this.id = id;
  }

  answered(reply: InferReply): void {
    this.#owner.answered(this, reply);
  }

  failed(error: TidegateError): void {
    this.#owner.failed(this, error);
  }
}
