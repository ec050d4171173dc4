import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ModelRecord, ModelRecordSchema } from '../../../contract/registry-record.js';
import {
  type NewVersion,
  newModel,
  promoted,
  versionNamed,
  withAlias,
  withoutAlias,
  withVersion,
} from '../../../control-plane/registry/model-record.js';

const AUTHOR = { by: 'somebody', at: '2026-01-02T03:04:05.000Z' };

function given(content: number): NewVersion {
  return {
    digest: `sha256:${String(content).padStart(64, '0')}`,
    bytes: content,
    memory_bytes: content,
    description: '',
    labels: {},
    signature: { inputs: [], outputs: [] },
    signed: false,
    metrics: {},
    lineage: {},
    platform: 'onnx',
  };
}

type Change = { readonly kind: 'push' | 'alias' | 'drop' | 'promote'; readonly n: number; readonly name: string };

const changes = fc.array(
  fc.record({
    kind: fc.constantFrom('push' as const, 'alias' as const, 'drop' as const, 'promote' as const),
    n: fc.integer({ min: 1, max: 6 }),
    name: fc.constantFrom('champion', 'challenger', 'prod'),
  }),
  { maxLength: 40 },
);

function apply(record: ModelRecord, { kind, n, name }: Change): ModelRecord {
  if (kind === 'push') return withVersion(record, given(n), AUTHOR)[0];
  if (kind === 'alias') return withAlias(record, name, n);
  if (kind === 'drop') return withoutAlias(record, name);
  return promoted(record, n, name, AUTHOR);
}

test('whatever is done: versions count up from 1, the same content is one version, no alias points to nothing, and what was refused changed nothing', () => {
  fc.assert(
    fc.property(changes, (list) => {
      let record = newModel('m', AUTHOR);
      for (const change of list) {
        const before = JSON.stringify(record);
        try {
          record = apply(record, change);
        } catch {
          assert.equal(JSON.stringify(record), before);
        }
        ModelRecordSchema.parse(record);
        assert.deepEqual(
          record.versions.map(({ version }) => version),
          record.versions.map((_, index) => index + 1),
        );
        assert.equal(new Set(record.versions.map(({ digest }) => digest)).size, record.versions.length);
        for (const version of Object.values(record.aliases)) assert.ok(version <= record.versions.length);
      }
    }),
  );
});

test('a version is found by its number and by an alias; what is not there is an error that names what is', () => {
  let [record] = withVersion(newModel('m', AUTHOR), given(1), AUTHOR);
  [record] = withVersion(record, given(2), AUTHOR);
  record = withAlias(record, 'champion', 2);
  assert.equal(versionNamed(record, '1').version, 1);
  assert.equal(versionNamed(record, 'champion').version, 2);
  assert.throws(() => versionNamed(record, '3'), /has no version 3: the last ones are 1, 2/);
  assert.throws(
    () => versionNamed(record, 'constructor'),
    /no version or alias 'constructor': its aliases are champion/,
  );
});

test('who let a version in first stays on record', () => {
  const [record] = withVersion(newModel('m', AUTHOR), given(1), AUTHOR);
  const once = promoted(record, 1, 'prod', AUTHOR);
  const twice = promoted(once, 1, 'prod', { by: 'another', at: '2027-01-01T00:00:00.000Z' });
  assert.equal(twice.versions[0].environments['prod'].by, 'somebody');
});
