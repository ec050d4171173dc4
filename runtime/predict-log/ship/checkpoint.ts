import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { TidegateError } from '../../../contract/error.js';
import type { SpoolPosition } from '../spool-state.js';

/** Rows [from, to) of a batch that are still to be sent. */
export type Piece = readonly [from: number, to: number];

/**
 * A batch as it was settled before it was first sent: exactly these rows go with this token, however often it takes. Without that a batch
 * that was sent, but whose answer was lost with the process, would be cut differently afterwards, and rows would be there twice.
 */
export interface BatchPlan {
  readonly from: SpoolPosition;
  /** Behind the last record. */
  readonly to: SpoolPosition;
  readonly node: string;
  readonly epoch: number;
  readonly first_seq: number;
  readonly last_seq: number;
  readonly rows: number;
  readonly token: string;
  /** Milliseconds since 1970. */
  readonly planned_at_ms: number;
  /** The spec that rows were binned with, by `model/version`. */
  readonly specs: Readonly<Record<string, number>>;
  /** More than one after ClickHouse has refused values: halves of halves, until the rows that it refuses are alone. */
  readonly pieces: readonly Piece[];
  /** Rows that were given up in this batch. */
  readonly dead: number;
}

export interface Checkpoint {
  /** Everything before this has been shipped. */
  readonly position: SpoolPosition;
  /** The life of the node that wrote the segment of `position`. */
  readonly epoch: number;
  readonly plan?: BatchPlan;
}

const whole = z.int().nonnegative();
const PositionSchema = z.object({ segment: whole, offset: whole });
const PlanSchema = z.object({
  from: PositionSchema,
  to: PositionSchema,
  node: z.string(),
  epoch: whole,
  first_seq: whole,
  last_seq: whole,
  rows: whole,
  token: z.string(),
  planned_at_ms: z.number(),
  specs: z.record(z.string(), whole),
  pieces: z.array(z.tuple([whole, whole])),
  dead: whole,
});
const CheckpointSchema = z.object({
  v: z.literal(1),
  position: PositionSchema,
  epoch: whole,
  plan: PlanSchema.optional(),
});

const NAME = 'shipped.json';

/** undefined: nothing was ever shipped from here. Throws where there is a checkpoint that cannot be read: to guess would double rows. */
export function readCheckpoint(directory: string): Checkpoint | undefined {
  const path = join(directory, NAME);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { v: _, plan, ...checkpoint } = CheckpointSchema.parse(JSON.parse(text));
    return plan === undefined ? checkpoint : { ...checkpoint, plan };
  } catch (cause) {
    const remedy =
      'restore it, or delete it and accept that rows which lie in the spool and were shipped before are doubled';
    throw new TidegateError('INVALID_CONFIG', `${path} does not say what was shipped: ${remedy}`, { cause });
  }
}

/** On disk when it returns: written beside, synced, and put in its place. */
export function writeCheckpoint(directory: string, checkpoint: Checkpoint): void {
  const path = join(directory, NAME);
  const beside = `${path}.new`;
  const file = openSync(beside, 'w');
  try {
    writeFileSync(file, JSON.stringify({ v: 1, ...checkpoint }));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(beside, path);
  const folder = openSync(directory, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
