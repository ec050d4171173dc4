import { asTidegateError, TidegateError } from '../../contract/error.js';
import { writeOverrideFiles } from './override-files.js';
import type { ModelOverride } from './served-model.js';
import type { LoadOverride } from './served-version.js';
import { parseConfigOverride } from './triton-config.js';

/** What came with a load; undefined when it came with nothing. Throws MODEL_LOAD_FAILED in Triton's words, and leaves nothing behind then. */
export async function readOverride(model: string, { config, files }: LoadOverride): Promise<ModelOverride | undefined> {
  const given = files !== undefined && files.size > 0;
  if (config === undefined) {
    if (given) throw failed(model, 'files were given without a config: send parameters.config too');
    return undefined;
  }
  try {
    const parsed = parseConfigOverride(config);
    return { ...parsed, found: given ? await writeOverrideFiles(model, files) : undefined };
  } catch (cause) {
    throw failed(model, asTidegateError(cause).message, cause);
  }
}

function failed(model: string, reason: string, cause?: unknown): TidegateError {
  return new TidegateError('MODEL_LOAD_FAILED', `failed to load '${model}', ${reason}`, { cause });
}
