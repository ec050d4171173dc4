import { TidegateError } from '../../contract/error.js';
import type { Registered } from '../fleet/deployment.js';
import type { Environments } from './environments.js';
import type { Registry } from './registry.js';

/** The registry as placement needs it: where an environment asks for something, only what was let into it. */
export function registeredVersions(registry: Registry, environments: Environments, environment: string): Registered {
  return {
    async find(model, version) {
      const found = (await registry.find(model))?.record.versions.find((each) => each.version === version);
      if (found === undefined || Object.hasOwn(found.environments, environment)) return found;
      if ((await environments.find(environment)) === undefined) return found;
      throw new TidegateError(
        'GATE_REFUSED',
        `model '${model}' version ${version} has not been let into '${environment}', which asks for it: tidegate promote ${model} ${version} ${environment}`,
      );
    },
  };
}
