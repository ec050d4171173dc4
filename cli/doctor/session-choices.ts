import { join } from 'node:path';
import type { FoundDevice } from '../../runtime/model/device.js';
import { MANIFEST_NAME, readManifestFile } from '../../runtime/model/manifest-file.js';
import { type FoundModel, pickVersions, scanRepository } from '../../runtime/model/scan.js';
import { describeVersion } from '../../runtime/model/version-description.js';

/** How a model would run on this machine, or why it would not. */
export interface SessionChoice {
  readonly model: string;
  readonly device: string;
  readonly instances: string;
  readonly threads: string;
  readonly why: string;
}

/** For each model of a folder, newest version first choice: what a node here would decide. Nothing is loaded. */
export async function sessionChoices(
  models: string,
  workers: number,
  devices: readonly FoundDevice[],
): Promise<SessionChoice[]> {
  const found = [...(await scanRepository(models)).values()];
  return Promise.all(found.map((model) => choiceOf(model, workers, devices)));
}

async function choiceOf(found: FoundModel, workers: number, devices: readonly FoundDevice[]): Promise<SessionChoice> {
  const { name: model } = found;
  try {
    const manifest = await readManifestFile(join(found.directory, MANIFEST_NAME));
    const [newest] = pickVersions({ latest: 1 }, found.versions.keys(), new Set());
    const version = found.versions.get(newest);
    if (version === undefined) throw new Error('it has no version');
    const source = { model, found: version, manifest, config: undefined, workers, devices };
    const { device = 'cpu', device_reason = '', instances, threads } = describeVersion(0, source);
    // What was found of each device stands in the table above.
    const why = [device_reason.replace(/ \(.*\)$/s, ''), threads?.reason ?? '']
      .filter((reason) => reason !== '')
      .join('; ');
    return { model, device, instances: String(instances), threads: String(threads?.threads ?? 1), why };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { model, device: '-', instances: '-', threads: '-', why };
  }
}
