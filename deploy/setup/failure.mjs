/** A failure that says which step failed, why, and what to do about it. */
export class SetupFailure extends Error {
  /**
   * @param {string} step
   * @param {string} cause
   * @param {string} remedy
   */
  constructor(step, cause, remedy) {
    super(cause);
    this.step = step;
    this.remedy = remedy;
  }
}

const OLDEST_NODE = 20;

export function checkNode(version = process.versions.node) {
  if (Number.parseInt(version, 10) >= OLDEST_NODE) return;
  throw new SetupFailure(
    'Node version',
    `this is Node ${version}, and Tidegate needs ${OLDEST_NODE} or newer`,
    `install Node ${OLDEST_NODE} or newer from nodejs.org or with your version manager, then run the same command again`,
  );
}

/** @param {unknown} thrown */
export function whatWentWrong(thrown) {
  if (thrown instanceof SetupFailure) {
    return `\nset-up failed\n  step:   ${thrown.step}\n  cause:  ${indented(thrown.message)}\n  remedy: ${indented(thrown.remedy)}\n`;
  }
  const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  const remedy = remedyOfSystem(thrown);
  return `\nset-up failed\n  step:   files\n  cause:  ${indented(text)}\n  remedy: ${remedy}\n`;
}

/** @param {unknown} thrown */
function remedyOfSystem(thrown) {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : '';
  if (code === 'ENOSPC') return 'free some disk space (about 1 GB is needed), then run the same command again';
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return 'make the checkout and the data directory (TIDEGATE_DATA_DIR) writable for this user, then run the same command again';
  }
  return 'this is a fault of the set-up itself: please report it with the lines above';
}

/** @param {string} text */
function indented(text) {
  return text.trim().replaceAll('\n', '\n          ');
}
