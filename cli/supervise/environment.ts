import { SETTINGS } from '../../std/config.js';
import type { Config } from '../../std/settings.js';

/** Every setting as the variable that gives it: a process that is started with these has the same configuration. */
export function environmentOf(config: Config): Record<string, string> {
  const { limits, ...own } = config;
  const values = new Map<string, unknown>([
    ...Object.entries(own),
    ...Object.entries(limits).map(([key, value]): [string, unknown] => [`limits.${key}`, value]),
  ]);
  return Object.fromEntries(SETTINGS.map(({ key, variable }) => [variable, String(values.get(key))]));
}
