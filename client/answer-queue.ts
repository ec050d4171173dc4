import type { TidegateClientError } from './error.js';
import { Gate } from './gate.js';
import type { InferResult } from './message.js';

/** What the iterator of a stream gives: the answer to one `send`. A failed message does not end the stream. */
export type StreamAnswer =
  | { readonly id: string; readonly result: InferResult }
  | { readonly id: string; readonly error: TidegateClientError };

/** Messages that `send` may have sent ahead of the iterator, if the server allows more. */
const MOST_UNREAD = 1024;

/** Answers that wait to be read by `for await`. Whoever sends needs room first, so that it never grows beyond its window. */
export class AnswerQueue {
  readonly room = new Gate(0);
  readonly #answers: StreamAnswer[] = [];
  #wake: (() => void) | undefined;
  #ended = false;

  open(window: number): void {
    this.room.reset(Math.min(window, MOST_UNREAD));
  }

  give(answer: StreamAnswer): void {
    this.#answers.push(answer);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *read(): AsyncGenerator<StreamAnswer, void, undefined> {
    for (;;) {
      const answer = this.#answers.shift();
      if (answer !== undefined) {
        this.room.add(1);
        yield answer;
      } else if (this.#ended) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
