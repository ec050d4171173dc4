import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  FeatureServiceFileSchema,
  FeatureViewFileSchema,
  type FeatureViewSpec,
  FeatureViewSpecSchema,
} from '../../../contract/feature-view.js';
import { isAllowed, viewChange } from '../../../feature-cache/definition/view-change.js';
import { viewShape } from '../../../feature-cache/definition/view-shape.js';

const GIVEN = {
  entities: ['carrier'],
  features: [
    { name: 'delay_mean', type: 'float32', default: 0, ttl: '1h' },
    { name: 'profile', type: 'vector[2]', default: [0.5, 1] },
  ],
  ttl: '24h',
};
const SPEC = FeatureViewSpecSchema.parse(GIVEN);

function spec(more: object): FeatureViewSpec {
  return FeatureViewSpecSchema.parse({ ...GIVEN, ...more });
}

test('a view becomes the table that holds it', () => {
  assert.deepEqual(viewShape('delays', SPEC), {
    name: 'delays',
    ttl_us: 86_400e6,
    fields: [
      { name: 'delay_mean', type: 'float32', default: 0, ttl_us: 3600e6 },
      { name: 'profile', type: 'vector', length: 2, default: [0.5, 1] },
    ],
  });
});

test('a default that is no value of its type is refused with both', () => {
  const wrong: readonly (readonly [type: string, value: unknown])[] = [
    ['int32', 1.5],
    ['int32', 2 ** 31],
    ['bool', 1],
    ['string', 1],
    ['vector[2]', [1]],
    ['float32', 'x'],
  ];
  for (const [type, value] of wrong) {
    const view = spec({ features: [{ name: 'x', type, default: value }] });
    assert.throws(
      () => viewShape('v', view),
      new RegExp(`view 'v': the default of 'x' is .*, which is no ${type.replace(/[[\]]/g, '\\$&')}`),
    );
  }
});

test('files say what is wrong in them: a type, a name twice, a span, a key', () => {
  const file = (more: object) => ({
    apiVersion: 'tidegate/v1',
    kind: 'FeatureView',
    metadata: { name: 'delays' },
    spec: { ...GIVEN, ...more },
  });
  assert.ok(FeatureViewFileSchema.safeParse(file({})).success);
  for (const more of [
    { features: [{ name: 'x', type: 'float16' }] },
    { features: [{ name: 'carrier', type: 'bool' }] },
    { ttl: '1 day' },
    { entities: [] },
    { features: [{ name: 'x', type: 'bool', defualt: true }] },
  ]) {
    assert.ok(!FeatureViewFileSchema.safeParse(file(more)).success, JSON.stringify(more));
  }
  const service = (features: readonly string[]) => ({
    apiVersion: 'tidegate/v1',
    kind: 'FeatureService',
    metadata: { name: 's' },
    spec: { features },
  });
  assert.ok(FeatureServiceFileSchema.safeParse(service(['delays.delay_mean', 'airports.v2.*'])).success);
  assert.ok(!FeatureServiceFileSchema.safeParse(service(['delay_mean'])).success);
});

test('what breaks those who use a view needs another version; what does not, does not', () => {
  const [mean, profile] = GIVEN.features;
  assert.match(viewChange(SPEC, spec({ entities: ['tail'] })).breaks[0], /key was carrier and is tail/);
  assert.match(viewChange(SPEC, spec({ features: [mean] })).breaks[0], /'profile' is gone/);
  const retyped = { features: [{ ...mean, type: 'float64' }, profile] };
  assert.match(viewChange(SPEC, spec(retyped)).breaks[0], /'delay_mean' was float32 and is float64/);
  assert.equal(isAllowed(SPEC, spec(retyped)), false);
  assert.equal(isAllowed(SPEC, spec({ ...retyped, version: 2 })), true);
  const more = spec({ features: [{ ...mean, default: 1 }, profile, { name: 'new', type: 'bool' }], ttl: '48h' });
  const change = viewChange(SPEC, more);
  assert.deepEqual(change.breaks, []);
  assert.equal(change.changes.length, 3);
  assert.equal(isAllowed(SPEC, more), true);
});
