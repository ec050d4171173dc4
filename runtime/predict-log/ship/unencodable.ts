import type { Failure } from '../../../clickhouse/failure.js';

/** Rows of a batch that cannot be written as Native: the same again would fail again, whatever ClickHouse does. */
export class Unencodable extends Error {
  override readonly name = 'Unencodable';

  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
  }

  get failure(): Failure {
    return { kind: 'data', code: UNENCODABLE, message: `the row cannot be encoded: ${this.message}` };
  }
}

/** Stands in dead letters where ClickHouse's number would. */
export const UNENCODABLE = 'UNENCODABLE';
