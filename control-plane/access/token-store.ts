import type { TokenRecord } from './token.js';

/** Where tokens are kept: a journal on this machine, or what replicas of the control plane share. */
export interface TokenStore {
  find(id: string): Promise<TokenRecord | undefined>;
  /** Oldest first. */
  list(): Promise<readonly ListedToken[]>;
  add(record: TokenRecord): Promise<void>;
  /** Returns how it is now. Throws NOT_FOUND; what was revoked before stays as it was. */
  revoke(id: string, by: string, now_ms: number): Promise<TokenRecord>;
  /** That it was used just now; may be written late. */
  used(id: string, now_ms: number): void;
  close(): Promise<void>;
}

export interface ListedToken extends TokenRecord {
  readonly last_used_at: string | null;
}
