import type { SchemaTarget } from './table.js';

/** One step of the schema. Steps are numbered without gaps, never edited once released, and each statement may run again. */
export interface Migration {
  readonly number: number;
  readonly name: string;
  statements(target: SchemaTarget): readonly string[];
}
