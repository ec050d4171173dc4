import type { StreamOrder } from '../contract/ws-message.js';
import type { MessageOptions } from './message.js';

export interface StreamOptions extends Pick<MessageOptions, 'timeout_us' | 'priority'> {
  /** Version number or label; default: what the model serves by default, message by message. */
  readonly version?: number | string;
  /** `ordered` (default): answers come in the order of their messages; `ready`: each as soon as it is there. */
  readonly order?: StreamOrder;
}

export interface StreamMessageOptions extends Omit<MessageOptions, 'id'> {
  /** Drops the message if it has not run yet, and rejects with CANCELLED. */
  readonly signal?: AbortSignal;
  /** Stateful models: forget what came before this message. */
  readonly restart?: boolean;
}
