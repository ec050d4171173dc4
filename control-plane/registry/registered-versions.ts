import type { Registered } from '../fleet/deployment.js';
import type { Registry } from './registry.js';

/** The registry as placement needs it. */
export function registeredVersions(registry: Registry): Registered {
  return {
    async find(model, version) {
      const found = await registry.find(model);
      return found?.record.versions.find((each) => each.version === version);
    },
  };
}
