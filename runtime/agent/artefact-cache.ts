import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Artifacts, checked } from '../../bus/artifacts.js';
import type { Bus } from '../../bus/connection.js';
import {
  type ArtifactFile,
  type ArtifactManifest,
  ArtifactManifestSchema,
  objectName,
  signatureName,
} from '../../contract/artifact.js';
import { TidegateError } from '../../contract/error.js';
import { readPayload } from '../../contract/payload.js';
import type { Artefacts, VersionBytes } from './ports.js';
import type { SignatureCheck } from './signature-check.js';

const MANIFEST = 'manifest.json';
const SIGNATURE = 'manifest.sig';

/**
 * Artefacts on this node's own disk, a folder for each digest. What has been fetched is there at the next start, whether anybody can be asked or not; what
 * was fetched half is gone on with. Nothing is trusted because it is there: it is hashed on its way, and again before it is loaded.
 */
export class ArtefactCache implements Artefacts {
  readonly #directory: string;
  readonly #signatures: SignatureCheck;
  #bus: Bus | undefined;

  constructor(directory: string, signatures: SignatureCheck) {
    this.#directory = directory;
    this.#signatures = signatures;
  }

  connected(bus: Bus): void {
    this.#bus = bus;
  }

  /** The folder in which the files of a version lie. */
  locate({ digest }: Pick<VersionBytes, 'digest'>): string {
    return join(this.#folder(digest), 'files');
  }

  async fetch({ digest }: VersionBytes, signal: AbortSignal): Promise<void> {
    const folder = this.#folder(digest);
    if (await this.#isComplete(folder)) return;
    if (this.#bus === undefined) {
      throw new TidegateError('BUS_UNAVAILABLE', `${digest} is not on this node, and NATS, which has it, is away`);
    }
    const artifacts = new Artifacts(this.#bus);
    await mkdir(folder, { recursive: true });
    const bytes = await artifacts.bytes(objectName(digest));
    const { files } = parsedManifest(digest, bytes);
    for (const file of files) {
      signal.throwIfAborted();
      await this.#fetchFile(artifacts, join(folder, 'files', file.path), file, signal);
    }
    const signature = await artifacts.named(signatureName(digest));
    if (signature !== undefined) await writeFile(join(folder, SIGNATURE), signature);
    // Last of all, and whole: a folder with a manifest has every file of it.
    await writeFile(join(folder, `${MANIFEST}.new`), bytes, { flush: true });
    await rename(join(folder, `${MANIFEST}.new`), join(folder, MANIFEST));
  }

  async verify({ digest }: VersionBytes, signal: AbortSignal): Promise<void> {
    const folder = this.#folder(digest);
    try {
      const bytes = await readFile(join(folder, MANIFEST));
      await consume(checked(digest, once(bytes)));
      const signature = await readFile(join(folder, SIGNATURE)).catch(() => undefined);
      this.#signatures.check(digest, bytes, signature);
      for (const { path, digest: expected } of parsedManifest(digest, bytes).files) {
        signal.throwIfAborted();
        await consume(checked(expected, createReadStream(join(folder, 'files', path))));
      }
    } catch (error) {
      // Bytes that are wrong are never asked again: the next try fetches them anew.
      if (error instanceof TidegateError && error.code === 'INVALID_BINARY')
        await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  async #fetchFile(
    artifacts: Artifacts,
    path: string,
    { size, digest }: ArtifactFile,
    signal: AbortSignal,
  ): Promise<void> {
    // Under its own name a file is whole: one that has its size was moved there after its digest was found right.
    const there = await stat(path).catch(() => undefined);
    if (there?.size === size) return;
    await mkdir(dirname(path), { recursive: true });
    const draft = `${path}.part`;
    const out = await open(draft, 'w');
    try {
      for await (const chunk of artifacts.get(objectName(digest))) {
        signal.throwIfAborted();
        await out.writeFile(chunk);
      }
      await out.sync();
    } finally {
      await out.close();
    }
    await rename(draft, path);
  }

  async #isComplete(folder: string): Promise<boolean> {
    return (await stat(join(folder, MANIFEST)).catch(() => undefined)) !== undefined;
  }

  #folder(digest: string): string {
    return join(this.#directory, digest.replace('sha256:', ''));
  }
}

function parsedManifest(digest: string, bytes: Uint8Array): ArtifactManifest {
  return readPayload(`the manifest ${digest}`, ArtifactManifestSchema, new TextDecoder().decode(bytes));
}

async function consume(bytes: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _chunk of bytes);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
