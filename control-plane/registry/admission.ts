import { mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { type Artifacts, digestOf } from '../../bus/artifacts.js';
import {
  type ArtifactFile,
  ArtifactFileSchema,
  manifestBytes,
  objectName,
  signatureName,
} from '../../contract/artifact.js';
import { TidegateError } from '../../contract/error.js';
import { LineageSchema, type ModelRecord, type VersionRecord } from '../../contract/registry-record.js';
import { type Author, newModel, withVersion } from './model-record.js';
import type { Registry } from './registry.js';
import { type SignatureChange, signatureChange } from './signature-change.js';
import type { Validator } from './validator.js';

/** Body of POST /v1/models/{model}/versions: what a version is made of, each file of which has been sent before. */
export const NewVersionSchema = z.strictObject({
  files: z.array(ArtifactFileSchema).min(1).max(100_000),
  description: z.string().max(10_000).default(''),
  labels: z.record(z.string().min(1).max(63), z.string().max(255)).default({}),
  metrics: z.record(z.string(), z.number()).default({}),
  lineage: LineageSchema.default({}),
  signature: z.base64().optional().describe("ed25519 over the manifest's bytes, in base64"),
});
export type GivenVersion = z.infer<typeof NewVersionSchema>;

export interface Admitted {
  readonly record: ModelRecord;
  readonly version: VersionRecord;
  /** The same content had been pushed before: nothing was added. */
  readonly known: boolean;
  /** Against the champion, where there is one. */
  readonly change: SignatureChange | undefined;
}

export interface AdmissionParts {
  readonly registry: Registry;
  readonly artifacts: Artifacts;
  readonly validator: Validator;
}

/** Takes a version in, or refuses it: then nothing of it is in the registry but bytes that nobody names. */
export async function admitVersion(
  { registry, artifacts, validator }: AdmissionParts,
  model: string,
  given: GivenVersion,
  author: Author,
): Promise<Admitted> {
  const manifest = manifestBytes(given.files);
  const digest = digestOf(manifest);
  const before = (await registry.find(model))?.record;
  const known = before?.versions.find((each) => each.digest === digest);
  if (before !== undefined && known !== undefined)
    return { record: before, version: known, known: true, change: undefined };
  await everyFile(artifacts, given.files);
  const report = await tried(artifacts, validator, given.files);
  await artifacts.put(objectName(digest), once(manifest));
  const { signature: signed, files, description, labels, metrics, lineage } = given;
  if (signed !== undefined) await artifacts.putNamed(signatureName(digest), Buffer.from(signed, 'base64'));
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  const { signature, memory_bytes, platform } = report;
  const added = {
    digest,
    bytes,
    memory_bytes,
    description,
    labels,
    signature,
    signed: signed !== undefined,
    metrics,
    lineage,
    platform,
  };
  const { record, result } = await registry.change(model, (now) => withVersion(now, added, author), {
    make: () => newModel(model, author),
  });
  const champion = before?.versions.find(({ version }) => version === before.aliases['champion']);
  const change = champion === undefined ? undefined : signatureChange(champion.signature, signature);
  return { record, version: result, known: false, change };
}

async function everyFile(artifacts: Artifacts, files: readonly ArtifactFile[]): Promise<void> {
  for (const { path, size, digest } of files) {
    const stored = await artifacts.size(objectName(digest));
    if (stored === undefined)
      throw new TidegateError(
        'NOT_FOUND',
        `the bytes of '${path}' (${digest}) have not been sent: PUT them to /v1/artifacts/${digest} first`,
      );
    if (stored !== size)
      throw new TidegateError(
        'INVALID_REQUEST',
        `'${path}' is said to have ${size} bytes, and ${digest} has ${stored}`,
      );
  }
}

/** As a node will find it: the files come from where nodes get them. */
async function tried(artifacts: Artifacts, validator: Validator, files: readonly ArtifactFile[]) {
  const directory = await mkdtemp(join(tmpdir(), 'tidegate-candidate-'));
  try {
    for (const { path, digest } of files) {
      const target = join(directory, path);
      await mkdir(dirname(target), { recursive: true });
      const out = await open(target, 'wx');
      try {
        for await (const chunk of artifacts.get(objectName(digest))) await out.writeFile(chunk);
      } finally {
        await out.close();
      }
    }
    return await validator.validated(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
