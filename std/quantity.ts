type Units = Readonly<Record<string, number>>;

const SIZES: Units = { b: 1, kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30, kb: 1e3, mb: 1e6, gb: 1e9 };
const TIMES_MS: Units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const TIMES_US: Units = { us: 1, ms: 1000, s: 1_000_000 };
const NONE: Units = {};

/** The units that people write, from the largest; a value is shown in the first one that divides it. */
const SHOWN: Units = { GiB: 2 ** 30, MiB: 2 ** 20, KiB: 2 ** 10 };
const SHOWN_MS: Units = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
const SHOWN_US: Units = { s: 1_000_000, ms: 1000, us: 1 };

/**
 * A number as people write it, by the unit at the end of the setting's name: `64MiB` for `_bytes`, `30s` for `_ms`, `1ms` for `_us`;
 * without a unit it is in the one of the name. NaN where it is none.
 */
export function parseQuantity(text: string, name: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim());
  if (match === null) return Number.NaN;
  const [, digits, unit] = match;
  if (unit === '') return Number(digits);
  const factor = unitsOf(name)[unit.toLowerCase()];
  // Rounded, because 0.3 KiB or 1.1 ms are not whole in binary: 1.1 × 1000 is 1100.0000000000002.
  return factor === undefined ? Number.NaN : Math.round(Number(digits) * factor);
}

/** The units that a setting of this name takes, for messages. */
export function unitNames(name: string): string {
  return Object.keys(unitsOf(name)).join(', ');
}

/** A value as it would be written: 67108864 of `_bytes` is `64MiB`. */
export function quantityText(value: unknown, name: string): string {
  if (typeof value !== 'number' || value === 0) return String(value);
  for (const [unit, factor] of Object.entries(shownUnitsOf(name))) {
    if (value % factor === 0) return `${value / factor}${unit}`;
  }
  return String(value);
}

function unitsOf(name: string): Units {
  if (name.endsWith('_bytes')) return SIZES;
  if (name.endsWith('_ms')) return TIMES_MS;
  return name.endsWith('_us') ? TIMES_US : NONE;
}

function shownUnitsOf(name: string): Units {
  if (name.endsWith('_bytes')) return SHOWN;
  if (name.endsWith('_ms')) return SHOWN_MS;
  return name.endsWith('_us') ? SHOWN_US : NONE;
}
