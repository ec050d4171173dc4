import type { FoundDevice } from '../model/device.js';
import { lookAround } from './backend/probe.js';

interface DeviceLog {
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
}

/** Before the first model: a device that `auto` could take must be known by then. Nothing where nobody says where to look. */
export async function lookForDevices(
  backends_dir: string | undefined,
  log: DeviceLog,
): Promise<readonly FoundDevice[]> {
  if (backends_dir === undefined) return [];
  const devices = await lookAround(backends_dir);
  for (const { kind, works, reason } of devices)
    log.info({ device: kind, works, reason }, `${kind}: ${works ? 'works' : 'not available'}`);
  return devices;
}
