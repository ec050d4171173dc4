import { ClickHouseError } from '@clickhouse/client';
import { TidegateError } from '../contract/error.js';

/**
 * What a failed statement means for whoever sent it.
 * - `unavailable`: it cannot be reached, or cannot do its work at the moment: the same again later.
 * - `schema`: tables or columns are missing or other than expected: migrate, then the same again.
 * - `access`: it does not let us: somebody has to change user, password or grants.
 * - `data`: values that it refuses: the same again would fail again.
 * - `unknown`: none of these can be told.
 */
export type FailureKind = 'unavailable' | 'schema' | 'access' | 'data' | 'unknown';

export interface Failure {
  readonly kind: FailureKind;
  /** ClickHouse's number, or the code of the system: `252`, `ECONNREFUSED`; '' where there is none. */
  readonly code: string;
  readonly message: string;
}

/** Numbers of ClickHouse's ErrorCodes.cpp. */
const KINDS: Readonly<Record<Exclude<FailureKind, 'unknown'>, readonly number[]>> = {
  unavailable: [
    3, // UNEXPECTED_END_OF_FILE
    24, // CANNOT_WRITE_TO_OSTREAM
    75, // CANNOT_WRITE_TO_FILE_DESCRIPTOR
    76, // CANNOT_OPEN_FILE
    95, // CANNOT_READ_FROM_SOCKET
    96, // CANNOT_WRITE_TO_SOCKET
    99, // UNKNOWN_PACKET_FROM_CLIENT
    101, // UNEXPECTED_PACKET_FROM_CLIENT
    159, // TIMEOUT_EXCEEDED
    160, // TOO_SLOW
    173, // CANNOT_ALLOCATE_MEMORY
    198, // DNS_ERROR
    201, // QUOTA_EXCEEDED
    202, // TOO_MANY_SIMULTANEOUS_QUERIES
    203, // NO_FREE_CONNECTION
    209, // SOCKET_TIMEOUT
    210, // NETWORK_ERROR
    225, // NO_ZOOKEEPER
    236, // ABORTED
    241, // MEMORY_LIMIT_EXCEEDED
    242, // TABLE_IS_READ_ONLY
    243, // NOT_ENOUGH_SPACE
    244, // UNEXPECTED_ZOOKEEPER_ERROR
    252, // TOO_MANY_PARTS
    254, // NO_ACTIVE_REPLICAS
    279, // ALL_CONNECTION_TRIES_FAILED
    285, // TOO_FEW_LIVE_REPLICAS
    286, // UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
    289, // REPLICA_IS_NOT_IN_QUORUM
    290, // LIMIT_EXCEEDED
    319, // UNKNOWN_STATUS_OF_INSERT
    335, // NOT_A_LEADER
    394, // QUERY_WAS_CANCELLED
    425, // SYSTEM_ERROR
    439, // CANNOT_SCHEDULE_TASK
    473, // DEADLOCK_AVOIDED
    518, // CANNOT_ASSIGN_ALTER
    529, // NOT_INITIALIZED
    745, // SERVER_OVERLOADED
    999, // KEEPER_EXCEPTION
  ],
  schema: [
    8, // THERE_IS_NO_COLUMN
    10, // NOT_FOUND_COLUMN_IN_BLOCK
    16, // NO_SUCH_COLUMN_IN_TABLE
    20, // NUMBER_OF_COLUMNS_DOESNT_MATCH
    43, // ILLEGAL_TYPE_OF_ARGUMENT
    44, // ILLEGAL_COLUMN
    47, // UNKNOWN_IDENTIFIER
    50, // UNKNOWN_TYPE
    53, // TYPE_MISMATCH
    60, // UNKNOWN_TABLE
    70, // CANNOT_CONVERT_TYPE
    81, // UNKNOWN_DATABASE
    115, // UNKNOWN_SETTING
    218, // TABLE_IS_DROPPED
    701, // CLUSTER_DOESNT_EXIST
  ],
  access: [
    164, // READONLY
    192, // UNKNOWN_USER
    193, // WRONG_PASSWORD
    194, // REQUIRED_PASSWORD
    195, // IP_ADDRESS_NOT_ALLOWED
    291, // DATABASE_ACCESS_DENIED
    497, // ACCESS_DENIED
    516, // AUTHENTICATION_FAILED
  ],
  data: [
    6, // CANNOT_PARSE_TEXT
    26, // CANNOT_PARSE_QUOTED_STRING
    27, // CANNOT_PARSE_INPUT_ASSERTION_FAILED
    32, // ATTEMPT_TO_READ_AFTER_EOF
    33, // CANNOT_READ_ALL_DATA
    38, // CANNOT_PARSE_DATE
    41, // CANNOT_PARSE_DATETIME
    69, // ARGUMENT_OUT_OF_BOUND
    72, // CANNOT_PARSE_NUMBER
    117, // INCORRECT_DATA
    128, // TOO_LARGE_ARRAY_SIZE
    131, // TOO_LARGE_STRING_SIZE
    153, // ILLEGAL_DIVISION
    190, // SIZES_OF_ARRAYS_DONT_MATCH
    321, // VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
    349, // CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
    395, // FUNCTION_THROW_IF_VALUE_IS_NON_ZERO
    407, // DECIMAL_OVERFLOW
    467, // CANNOT_PARSE_BOOL
    469, // VIOLATED_CONSTRAINT
  ],
};

const KIND_OF: ReadonlyMap<number, FailureKind> = new Map([
  ...KINDS.unavailable.map((code) => [code, 'unavailable'] as const),
  ...KINDS.schema.map((code) => [code, 'schema'] as const),
  ...KINDS.access.map((code) => [code, 'access'] as const),
  ...KINDS.data.map((code) => [code, 'data'] as const),
]);

/** Of what the client throws, and of what the system gave it as the cause. */
export function classifyFailure(thrown: unknown): Failure {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (thrown instanceof ClickHouseError) {
    return { kind: KIND_OF.get(Number(thrown.code)) ?? 'unknown', code: thrown.code, message };
  }
  if (thrown instanceof TidegateError)
    return { kind: thrown.retryable ? 'unavailable' : 'schema', code: thrown.code, message };
  const status = /^(?:HTTP |status )?([45]\d\d)\b/i.exec(message)?.[1];
  if (status !== undefined) return { kind: kindOfStatus(Number(status)), code: status, message };
  // The client throws plain errors for what the network does: refused, reset, timed out, closed.
  return { kind: thrown instanceof Error ? 'unavailable' : 'unknown', code: systemCode(thrown), message };
}

/** An answer without ClickHouse's own words comes from what stands between. */
function kindOfStatus(status: number): FailureKind {
  if (status === 401 || status === 403 || status === 407) return 'access';
  return status === 408 || status === 429 || status >= 500 ? 'unavailable' : 'unknown';
}

function systemCode(thrown: unknown): string {
  if (typeof thrown !== 'object' || thrown === null) return '';
  if ('code' in thrown && typeof thrown.code === 'string') return thrown.code;
  return 'cause' in thrown ? systemCode(thrown.cause) : '';
}
