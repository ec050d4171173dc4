import { z } from 'zod';
import { DigestSchema } from './desired-state.js';

/** The part of a path between slashes: what any file system takes, and no shell, archive or URL reads as something else. */
const SEGMENT = /^[A-Za-z0-9_@+=,()[\] -][A-Za-z0-9_@+=,()[\] .-]*$/;
const MOST_PATH_LENGTH = 512;

/** Why a path cannot be part of an artefact; undefined: it can. */
export function pathProblem(path: string): string | undefined {
  if (path.length === 0 || path.length > MOST_PATH_LENGTH) return `it must have 1 to ${MOST_PATH_LENGTH} characters`;
  const wrong = path
    .split('/')
    .find((segment) => !SEGMENT.test(segment) || segment.endsWith('.') || segment.endsWith(' '));
  if (wrong === undefined) return undefined;
  return `'${wrong}' may not be a part of it: letters, digits and _ @ + = , ( ) [ ] . - are, no dot at either end, no '..'`;
}

export const ArtifactFileSchema = z.strictObject({
  path: z.string().superRefine((path, context) => {
    const problem = pathProblem(path);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
  }),
  size: z.int().nonnegative(),
  digest: DigestSchema,
});
export type ArtifactFile = z.infer<typeof ArtifactFileSchema>;

/**
 * What a version is made of: every file of its directory, by path. The digest of these bytes names the version; whoever has them can check everything
 * else. Paths ascend by UTF-16 code units, and differ even where a file system does not tell capitals from small letters.
 */
export const ArtifactManifestSchema = z
  .strictObject({ v: z.literal(1), files: z.array(ArtifactFileSchema).min(1).max(100_000) })
  .superRefine(({ files }, context) => {
    for (let i = 1; i < files.length; i++) {
      if (files[i - 1].path >= files[i].path)
        context.addIssue({ code: 'custom', message: `files are not sorted at '${files[i].path}'` });
    }
    const folded = new Map<string, string>();
    for (const { path } of files) {
      const other = folded.get(path.toLowerCase());
      if (other !== undefined)
        context.addIssue({ code: 'custom', message: `'${other}' and '${path}' are the same file on some systems` });
      folded.set(path.toLowerCase(), path);
    }
  });
export type ArtifactManifest = z.infer<typeof ArtifactManifestSchema>;

/** The bytes that are stored, signed and hashed: one form for one content. */
export function manifestBytes(files: readonly ArtifactFile[]): Uint8Array {
  const sorted = files
    .toSorted((a, b) => (a.path < b.path ? -1 : 1))
    .map(({ path, size, digest }) => ({ path, size, digest }));
  return new TextEncoder().encode(JSON.stringify(ArtifactManifestSchema.parse({ v: 1, files: sorted })));
}

/** Names in the object store: files and manifests by their digest, signatures beside the manifest that they are of. */
export const objectName = (digest: string): string => digest;
export const signatureName = (digest: string): string => `${digest}.sig`;
