import { fileURLToPath } from 'node:url';

/** A file of the checkout that is not compiled, by its path from the root: this runs from `<output>/test/examples`. */
export function inCheckout(path: string): string {
  return fileURLToPath(new URL(`../../../${path}`, import.meta.url));
}
