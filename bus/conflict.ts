import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';

const CODES: readonly number[] = [
  JetStreamApiCodes.StreamWrongLastSequence,
  JetStreamApiCodes.StreamWrongLastSequenceUnknown,
];

/** Whether a value was not written because somebody else had written it meanwhile. */
export function wasChanged(error: unknown): boolean {
  return error instanceof JetStreamApiError && CODES.includes(error.code);
}
