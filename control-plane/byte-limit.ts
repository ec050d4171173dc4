import { Transform } from 'node:stream';
import { TidegateError } from '../contract/error.js';

/** Lets so many bytes through, and fails with BODY_TOO_LARGE at the next one. */
export class ByteLimit extends Transform {
  readonly #most: number;
  #passed = 0;
  isBeyond = false;

  constructor(most: number) {
    super();
    this.#most = most;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error, chunk?: Buffer) => void): void {
    this.#passed += chunk.length;
    this.isBeyond = this.#passed > this.#most;
    if (this.isBeyond)
      done(new TidegateError('BODY_TOO_LARGE', `the file has more than ${this.#most} bytes: send it in parts`));
    else done(undefined, chunk);
  }
}
