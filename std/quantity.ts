const SIZES: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
};
const TIMES_MS: Readonly<Record<string, number>> = { '': 1, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const PLAIN: Readonly<Record<string, number>> = { '': 1 };

/** A number as people write it: `64MiB` for what ends in `_bytes`, `30s` for what ends in `_ms`. NaN where it is none. */
export function parseQuantity(text: string, name: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim());
  if (match === null) return Number.NaN;
  const factor = unitsOf(name)[match[2].toLowerCase()];
  return factor === undefined ? Number.NaN : Number(match[1]) * factor;
}

/** The units that a setting of this name takes, for messages. */
export function unitNames(name: string): string {
  return Object.keys(unitsOf(name))
    .filter((unit) => unit !== '')
    .join(', ');
}

function unitsOf(name: string): Readonly<Record<string, number>> {
  if (name.endsWith('_bytes')) return SIZES;
  if (name.endsWith('_ms')) return TIMES_MS;
  return PLAIN;
}
