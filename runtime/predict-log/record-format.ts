/**
 * The payload of a prediction frame: one answered request. Little-endian; every part begins at a multiple of 8, so that a reader who keeps
 * frames at multiples of 8 looks at numbers in place.
 *
 *     fixed part, FIXED_BYTES
 *     ends of the texts, u32 each, from the beginning of the texts' bytes
 *     bytes of the texts (UTF-8): request id, trace id, outcome, variant, then entity keys, segments, categorical features by row,
 *         classes (where they are no numbers), output texts by row, feature sources by row
 *     scores      f64 × rows
 *     num         f32 or f64 × rows × num_width
 *     output      f32 or f64 × rows × output_width
 *     classes     u32 × rows, indexes into the classes of the layout
 *     digests     32 bytes × rows
 *     ages        u32 × rows × age_width
 */
export const FIXED_BYTES = 96;

/** Indexes of f64. */
export const DOUBLE = { SEQ: 0, TS_US: 1 } as const;

/** Indexes of u32; SHARE is an f32. */
export const WORD = {
  LAYOUT: 4,
  ROWS: 5,
  QUEUE_US: 6,
  COMPUTE_US: 7,
  TOTAL_US: 8,
  SHARE: 9,
  FLAGS: 10,
  FACE: 11,
  NUM_WIDTH: 12,
  CAT_WIDTH: 13,
  OUTPUT_WIDTH: 14,
  TEXT_WIDTH: 15,
  ENTITY_KEYS: 16,
  SEGMENT_SETS: 17,
  SEGMENT_WIDTH: 18,
  SOURCE_WIDTH: 19,
  AGE_WIDTH: 20,
  TEXTS: 21,
} as const;

export const FLAG = {
  NUM_DOUBLE: 1,
  OUTPUT_DOUBLE: 2,
  SCORES: 4,
  CLASS_TEXTS: 8,
  CLASS_INDEXES: 16,
  DIGESTS: 32,
} as const;

/** Texts that every record has, in this order. */
export const TEXT = { REQUEST_ID: 0, TRACE_ID: 1, OUTCOME: 2, VARIANT: 3, FIRST_OTHER: 4 } as const;

export const DIGEST_BYTES = 32;
/** In `classes`, for a row whose class is not known. */
export const NO_CLASS = 0xffffffff;

export const FACE_NAMES = ['http', 'websocket'] as const;
export type LoggedFace = (typeof FACE_NAMES)[number];
