import { TidegateError } from '../../contract/error.js';

const LABEL = /^([A-Za-z0-9][A-Za-z0-9._/-]*)=([A-Za-z0-9._/-]*)$/;

/** `region=eu,ring=canary` as labels. Throws INVALID_CONFIG that names the part. */
export function parseLabels(text: string): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {};
  for (const part of text.split(',').map((each) => each.trim())) {
    if (part === '') continue;
    const found = LABEL.exec(part);
    if (found === null) {
      throw new TidegateError(
        'INVALID_CONFIG',
        `node_labels has '${part}': give name=value, separated by commas, like region=eu,ring=canary`,
      );
    }
    const [, name, value] = found;
    if (Object.hasOwn(labels, name)) throw new TidegateError('INVALID_CONFIG', `node_labels gives '${name}' twice`);
    labels[name] = value;
  }
  return labels;
}
