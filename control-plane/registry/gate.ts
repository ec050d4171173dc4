import type { Environment } from '../../contract/environment.js';
import { TidegateError } from '../../contract/error.js';
import type { ModelRecord, VersionRecord } from '../../contract/registry-record.js';
import { signatureChange } from './signature-change.js';

/** Why a version may not be let into an environment; none: it may. What is not known is no evidence, and so no pass. */
export function gateProblems(
  { requires }: Environment,
  record: ModelRecord,
  version: VersionRecord,
): readonly string[] {
  const { environments, signed, metrics, labels, compatible } = requires;
  const problems: string[] = [];
  for (const before of environments) {
    if (!Object.hasOwn(version.environments, before)) problems.push(`it has not been let into '${before}'`);
  }
  if (signed && !version.signed) problems.push('nobody has signed it');
  for (const [name, { least, most }] of Object.entries(metrics)) {
    const value = Object.hasOwn(version.metrics, name) ? version.metrics[name] : undefined;
    if (value === undefined) problems.push(`it has no metric '${name}' (metrics.json of the version)`);
    else if (least !== undefined && value < least)
      problems.push(`its ${name} is ${value}, at least ${least} is asked for`);
    else if (most !== undefined && value > most) problems.push(`its ${name} is ${value}, at most ${most} is asked for`);
  }
  for (const [name, wanted] of Object.entries(labels)) {
    const value = Object.hasOwn(version.labels, name) ? version.labels[name] : undefined;
    if (value !== wanted)
      problems.push(
        `its label '${name}' is ${value === undefined ? 'missing' : `'${value}'`}, '${wanted}' is asked for`,
      );
  }
  if (compatible) problems.push(...incompatibilities(record, version));
  return problems;
}

/** Whoever is champion already breaks nobody; without a champion there is nobody to break. */
function incompatibilities({ aliases, versions }: ModelRecord, version: VersionRecord): readonly string[] {
  const champion = versions.find((each) => each.version === aliases['champion']);
  if (champion === undefined || champion.version === version.version) return [];
  return signatureChange(champion.signature, version.signature).breaks;
}

/** Throws GATE_REFUSED with everything that is missing. */
export function passGate(environment: string, policy: Environment, record: ModelRecord, version: VersionRecord): void {
  const problems = gateProblems(policy, record, version);
  if (problems.length === 0) return;
  const what = `model '${record.model}' version ${version.version} is not let into '${environment}'`;
  throw new TidegateError('GATE_REFUSED', `${what}: ${problems.join('; ')}`);
}
