import { TidegateError } from '../../contract/error.js';
import type { JsonCursor } from './json-cursor.js';
import { stringText } from './json-string.js';
import { NameTable } from './name-table.js';

/** Names of members, tensors and datatypes. One table for the thread: the same models are asked for over and over. */
export const names = new NameTable();

export function refuseTwice(seen: unknown, member: string): void {
  if (seen !== undefined) throw new TidegateError('INVALID_REQUEST', `member '${member}' is given twice`);
}

/** The last string that the cursor read, as text. */
export function memberName(cursor: JsonCursor): string {
  if (!cursor.plain) return stringText(cursor.bytes, cursor.start, cursor.stop);
  return names.find(cursor.bytes, cursor.start, cursor.stop).text;
}

/** Consumes a `null`, if one stands here. */
export function isNull(cursor: JsonCursor): boolean {
  if (cursor.peek() !== 0x6e) return false;
  cursor.literal('null');
  return true;
}

export function readText(cursor: JsonCursor, what: string): string {
  expectString(cursor, what);
  return memberName(cursor);
}

export function expectString(cursor: JsonCursor, what: string): void {
  if (cursor.peek() === 0x22) {
    cursor.string();
    return;
  }
  cursor.value();
  throw new TidegateError('INVALID_REQUEST', `${what} must be a string`);
}

export function expectContainer(cursor: JsonCursor, opening: 0x5b | 0x7b, what: string): void {
  if (cursor.peek() === opening) return;
  cursor.value();
  throw new TidegateError('INVALID_REQUEST', `${what} must be an ${opening === 0x5b ? 'array' : 'object'}`);
}
