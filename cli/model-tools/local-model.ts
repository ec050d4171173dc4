import { dirname, join, resolve } from 'node:path';
import { DEFAULT_MANIFEST } from '../../contract/manifest.js';
import { planRequests } from '../../runtime/batch/request-plan.js';
import { MANIFEST_NAME, readManifestFile } from '../../runtime/model/manifest-file.js';
import { describeVersion } from '../../runtime/model/version-description.js';
import type { BackendSession } from '../../runtime/worker/backend/backend.js';
import { loadOnnx } from '../../runtime/worker/backend/onnx.js';
import type { LoadOrder } from '../../runtime/worker/messages.js';

export interface LocalModel {
  readonly order: LoadOrder;
  readonly session: BackendSession;
}

/** Loads an ONNX file on the CPU as a node would, with what the manifest of `beside` says of its shapes. */
export async function openModel(file: string, beside = file, threads = 1): Promise<LocalModel> {
  const artefact = resolve(file);
  const manifest = await readManifestFile(join(dirname(dirname(resolve(beside))), MANIFEST_NAME));
  const { inputs, outputs, max_batch } = manifest;
  const said = { ...DEFAULT_MANIFEST, inputs, outputs, ...(max_batch === undefined ? {} : { max_batch }) };
  const found = { version: 1, artefact, stamp: '' };
  const source = {
    model: 'model',
    found,
    manifest: { ...said, device: 'cpu', threads },
    config: undefined,
    workers: 1,
  };
  const { order } = planRequests(describeVersion(1, source));
  return { order, session: await loadOnnx(order, 'cpu') };
}
