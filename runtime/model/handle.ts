let last = 0;

/** A number for one more version in this process: threads know versions by it, so the folder of models and the fleet's agent must not give the same twice. */
export function newHandle(): number {
  last++;
  return last;
}
