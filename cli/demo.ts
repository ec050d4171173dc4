import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { RunningMachine } from './supervise/machine.js';

const SCRIPT = fileURLToPath(new URL('../examples/flights/season.js', import.meta.url));
const MONITORS = fileURLToPath(new URL('../demo/monitors', import.meta.url));
const FLIGHTS = fileURLToPath(new URL('../demo/flights-season.json', import.meta.url));

/** Lets flights of half a year flow past the node, so that there is a log to look at. Answers whether it could. */
export async function startDemo({ runtime_url, control_url, add }: RunningMachine): Promise<boolean> {
  if (!existsSync(SCRIPT) || !existsSync(FLIGHTS)) return false;
  await add('demo', SCRIPT, ['--url', runtime_url, '--control-url', control_url, '--file', FLIGHTS]);
  return true;
}

/** Folder of what is watched of it; '' where there is none. */
export function demoMonitors(): string {
  return existsSync(MONITORS) ? MONITORS : '';
}
