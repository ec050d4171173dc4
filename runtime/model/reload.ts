import { TidegateError } from '../../contract/error.js';
import { readOverride } from './override.js';
import { removeOverrideFiles } from './override-files.js';
import { foundOf, isBroken, type Reconciler } from './reconciler.js';
import { scanModel } from './scan.js';
import type { ServedModel } from './served-model.js';
import type { LoadOverride } from './served-version.js';

/**
 * A load by request: everything of the model is made new from what is there now, whatever was loaded, and the old generations
 * answer until the new ones do. If nothing of it works the model stays as it was. Throws in Triton's words ("failed to load").
 */
export async function reload(
  model: ServedModel,
  directory: string,
  override: LoadOverride,
  reconciler: Reconciler,
): Promise<void> {
  const before = stateOf(model);
  const found = await scanModel(directory, model.name);
  const read = await readOverride(model.name, override);
  if (found === undefined && read?.found === undefined) {
    throw loadFailed(model.name, 'failed to poll from model repository');
  }
  become(model, { found, override: read, epoch: before.epoch + 1, manifest: before.manifest, unloaded: false });
  model.failures.clear();
  await reconciler.reconcile(model, 'eager');
  const error = outcome(model);
  if (error === undefined) {
    if (before.override?.found !== undefined) await removeOverrideFiles(before.override.found);
    return;
  }
  if (!isServed(model)) {
    // Whoever unloaded it meanwhile has the last word.
    become(model, { ...before, unloaded: model.unloaded || before.unloaded });
    if (model.unloaded) model.apply({ type: 'want', versions: [] });
    if (model.unloaded || model.table.size > 0) model.failures.clear();
    if (read?.found !== undefined) await removeOverrideFiles(read.found);
  }
  throw error;
}

type Before = Pick<ServedModel, 'found' | 'override' | 'epoch' | 'manifest' | 'unloaded'>;

function stateOf({ found, override, epoch, manifest, unloaded }: ServedModel): Before {
  return { found, override, epoch, manifest, unloaded };
}

function become(model: ServedModel, { found, override, epoch, manifest, unloaded }: Before): void {
  model.found = found;
  model.override = override;
  model.epoch = epoch;
  model.manifest = manifest;
  model.unloaded = unloaded;
}

/** Whether anything of this load answers. */
function isServed(model: ServedModel): boolean {
  return [...model.table.values()].some((slot) => slot.key.startsWith(`${model.epoch}/`));
}

function outcome(model: ServedModel): TidegateError | undefined {
  if (model.unloaded) return loadFailed(model.name, 'it was unloaded meanwhile');
  const found = foundOf(model);
  const broken = [...model.failures].find(([version]) => found !== undefined && isBroken(model, found, version));
  if (broken !== undefined) {
    const [version, { error }] = broken;
    return loadFailed(model.name, `version ${version}: ${error.message}`, error);
  }
  return isServed(model) ? undefined : loadFailed(model.name, 'it has no versions');
}

function loadFailed(name: string, reason: string, cause?: TidegateError): TidegateError {
  const code = cause?.retryable === true ? cause.code : 'MODEL_LOAD_FAILED';
  return new TidegateError(code, `failed to load '${name}', ${reason}`, { cause });
}
