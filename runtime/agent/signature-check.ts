import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { TidegateError } from '../../contract/error.js';

/** Who may have signed what this node loads: ed25519 over the bytes of an artefact's manifest. Without keys nothing is asked. */
export class SignatureCheck {
  readonly #keys: readonly KeyObject[];

  constructor(keys: readonly KeyObject[]) {
    this.#keys = keys;
  }

  /** Throws INVALID_CONFIG where no key fits: a version that nobody whom this node trusts has signed is not loaded. */
  check(digest: string, manifest: Uint8Array, signature: Uint8Array | undefined): void {
    if (this.#keys.length === 0) return;
    if (signature === undefined) {
      throw new TidegateError(
        'INVALID_CONFIG',
        `${digest} is not signed, and this node loads only what is (artifact_keys): push it with --sign`,
      );
    }
    if (this.#keys.some((key) => verify(null, manifest, key, signature))) return;
    throw new TidegateError(
      'INVALID_CONFIG',
      `${digest} is signed by nobody whom this node knows (artifact_keys has ${this.#keys.length} keys)`,
    );
  }
}

/** Public keys in PEM files, separated by commas. Throws INVALID_CONFIG that names the file. */
export async function signatureCheck(files: string): Promise<SignatureCheck> {
  const paths = files.split(',').map((each) => each.trim());
  const keys = await Promise.all(paths.filter((path) => path !== '').map(publicKey));
  return new SignatureCheck(keys);
}

async function publicKey(path: string): Promise<KeyObject> {
  try {
    const key = createPublicKey(await readFile(path));
    if (key.asymmetricKeyType !== 'ed25519')
      throw new Error(`it is a key of the kind ${key.asymmetricKeyType}, not ed25519`);
    return key;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TidegateError('INVALID_CONFIG', `artifact_keys names ${path}, which is no public key: ${why}`, { cause });
  }
}
