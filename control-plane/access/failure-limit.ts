/** Refused attempts that an address may make at once, and how long it takes to earn another. */
const BURST = 10;
const EARN_MS = 6000;
/** Addresses that are remembered. Beyond it the longest silent is forgotten, so that no crowd of addresses fills the memory. */
const MOST_ADDRESSES = 10_000;

interface Bucket {
  readonly left: number;
  readonly at_ms: number;
}

/**
 * How many refused attempts an address has left: a bucket that fills slowly. Who gives a good token is never held up, so that one bad client behind
 * a shared address cannot lock out the others.
 */
export class FailureLimit {
  readonly #buckets = new Map<string, Bucket>();

  /** Counts one refused attempt. Returns how long the address should wait; 0: it was within its limit. */
  failed(address: string, now_ms: number): number {
    const key = networkOf(address);
    const known = this.#buckets.get(key);
    const earned = known === undefined ? BURST : known.left + Math.max(0, now_ms - known.at_ms) / EARN_MS;
    const left = Math.min(BURST, earned);
    // Put behind all others: the first of the map is the one that was silent longest.
    this.#buckets.delete(key);
    this.#buckets.set(key, { left: left >= 1 ? left - 1 : left, at_ms: now_ms });
    if (this.#buckets.size > MOST_ADDRESSES) {
      const [oldest] = this.#buckets.keys();
      this.#buckets.delete(oldest);
    }
    return left >= 1 ? 0 : Math.ceil((1 - left) * EARN_MS);
  }

  get addresses(): number {
    return this.#buckets.size;
  }
}

/** An IPv6 host has a whole /64 to itself, and could come from another address each time. */
function networkOf(address: string): string {
  const v4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (v4 !== null) return v4[1];
  if (!address.includes(':')) return address;
  const [head] = address.split('%');
  const [left, right] = head.split('::');
  const front = left === '' ? [] : left.split(':');
  const back = right === undefined || right === '' ? [] : right.split(':');
  const zeros = right === undefined ? [] : Array<string>(Math.max(0, 8 - front.length - back.length)).fill('0');
  return [...front, ...zeros, ...back]
    .slice(0, 4)
    .map((part) => part.toLowerCase().replace(/^0+(?=.)/, ''))
    .join(':');
}
