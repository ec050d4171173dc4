import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TidegateError } from '../contract/error.js';
import { lockDirectory } from '../std/directory-lock.js';
import { createFile } from '../std/exclusive-file.js';
import { TokenJournal } from './access/token-journal.js';
import type { TokenStore } from './access/token-store.js';
import { IdempotencyStore } from './api/idempotency-store.js';
import { AuditJournal } from './audit/audit-journal.js';
import type { AuditStore } from './audit/audit-store.js';

const KEY_BYTES = 32;

/** What a control plane keeps on its own disk. One process has it at a time. */
export interface StateFolder {
  readonly directory: string;
  readonly tokens: TokenStore;
  readonly audit: AuditStore;
  readonly idempotency: IdempotencyStore;
  /** Signs what is given out and comes back. Kept, so that a cursor outlives a restart. */
  readonly key: Buffer;
  close(): Promise<void>;
}

/** `control` in the data directory. Throws INVALID_CONFIG where another process has it, or somebody damaged it. */
export function openStateFolder(data_dir: string, now_ms: () => number): StateFolder {
  const directory = join(data_dir, 'control');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  // It may have been made by another hand, for all to read.
  if (process.platform !== 'win32') chmodSync(directory, 0o700);
  const unlock = lockDirectory(
    directory,
    (pid) =>
      new TidegateError(
        'INVALID_CONFIG',
        `the control plane of process ${pid} has ${directory}: ask it (tidegate token, without --data-dir), or give another folder with --data-dir`,
      ),
  );
  try {
    const key = keyIn(join(directory, 'key'));
    const tokens = new TokenJournal(join(directory, 'tokens.jsonl'));
    const audit = new AuditJournal(join(directory, 'audit.jsonl'), now_ms);
    const idempotency = new IdempotencyStore(join(directory, 'idempotency.jsonl'), now_ms());
    const close = async () => {
      await tokens.close();
      audit.close();
      idempotency.close();
      unlock();
    };
    return { directory, tokens, audit, idempotency, key, close };
  } catch (error) {
    unlock();
    throw error;
  }
}

function keyIn(path: string): Buffer {
  createFile(path, randomBytes(KEY_BYTES).toString('hex'));
  const key = Buffer.from(readFileSync(path, 'utf8').trim(), 'hex');
  if (key.length === KEY_BYTES) return key;
  throw new TidegateError('INVALID_CONFIG', `${path} holds no key: remove it, and a new one is made`);
}
