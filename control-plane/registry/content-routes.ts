import { Hono } from 'hono';
import type { Artifacts } from '../../bus/artifacts.js';
import { type ArtifactManifest, ArtifactManifestSchema, objectName } from '../../contract/artifact.js';
import { TidegateError } from '../../contract/error.js';
import { readPayload } from '../../contract/payload.js';
import type { VersionRecord } from '../../contract/registry-record.js';
import { described } from '../api/described.js';
import { versionNamed } from './model-record.js';
import type { RegistryServices } from './routes.js';

const CARD = 'MODEL_CARD.md';
/** A card is for people to read. */
const MOST_CARD_BYTES = 4 * 1024 * 1024;

const listFiles = described({ summary: 'List the files of a version', tag: 'Registry' });
const showCard = described({
  summary: 'Read the model card of a version',
  tag: 'Registry',
  answers: { 200: { description: 'The card', types: ['text/markdown'] } },
});

/** What a version is made of: its files, each to be fetched by its digest, and its card. */
export function contentRoutes(open: () => RegistryServices): Hono {
  const app = new Hono();
  const find = async (model: string, version: string) => {
    const { registry, artifacts } = open();
    const { record } = await registry.get(model);
    const found = versionNamed(record, version);
    return { found, artifacts, manifest: await manifestOf(artifacts, found) };
  };
  app.get('/models/:model/versions/:version/files', listFiles, async (context) => {
    const { found, manifest } = await find(context.req.param('model'), context.req.param('version'));
    return context.json({ version: found.version, digest: found.digest, files: manifest.files });
  });
  app.get('/models/:model/versions/:version/card', showCard, async (context) => {
    const { model, version } = context.req.param();
    const { artifacts, manifest } = await find(model, version);
    const card = manifest.files.find(({ path }) => path === CARD);
    if (card === undefined || card.size > MOST_CARD_BYTES) {
      const why = card === undefined ? `has no ${CARD}` : `has a ${CARD} of ${card.size} bytes, too long to be shown`;
      throw new TidegateError('NOT_FOUND', `model '${model}' version ${version} ${why}`);
    }
    const text = new TextDecoder().decode(await artifacts.bytes(objectName(card.digest)));
    return context.body(text, 200, { 'content-type': 'text/markdown; charset=utf-8' });
  });
  return app;
}

async function manifestOf(artifacts: Artifacts, { digest }: VersionRecord): Promise<ArtifactManifest> {
  const bytes = await artifacts.bytes(objectName(digest));
  return readPayload(`the manifest ${digest}`, ArtifactManifestSchema, new TextDecoder().decode(bytes));
}
