import { DEFAULT_LIMITS } from '../../contract/limits.js';
import { loadUws } from '../../runtime/socket/uws-module.js';

async function whyMissing(): Promise<string | false> {
  try {
    await loadUws(DEFAULT_LIMITS.max_header_bytes);
    return false;
  } catch (error) {
    return `uWebSockets.js does not load here: ${error instanceof Error ? error.message.split('\n').at(-1) : error}`;
  }
}

/** Why suites of the fast socket cannot run on this machine; false where they can. */
export const uwsMissing = await whyMissing();
