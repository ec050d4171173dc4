import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Session } from 'chdb';
import fc from 'fast-check';
import { BIN_FIRST, BIN_NULL, BIN_OUTSIDE, type CategoricalBins, numericBin } from '../../../contract/bin-spec.js';
import { binExpression } from '../../../control-plane/reference/bin-expression.js';

const folder = await mkdtemp(join(tmpdir(), 'tidegate-bins-'));
const session = new Session(folder);
after(async () => {
  session.close();
  await rm(folder, { recursive: true });
});

async function binsOf(expression: string, type: string, values: readonly string[]): Promise<number[]> {
  const query = `SELECT ${expression} AS bin FROM (SELECT arrayJoin([${values.join(', ')}]::Array(Tuple(UInt32, ${type}))) AS t, t.2 AS v) ORDER BY t.1`;
  const text = (await session.queryAsync(query, { format: 'TabSeparated' })).text().trim();
  return text.split('\n').map(Number);
}

function literal(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  return String(value);
}

test('the engine gives every number the bin that the shipper gives it, at the edges and beyond them', async () => {
  const finite = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 });
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(finite, { minLength: 1, maxLength: 40 }),
      fc.array(fc.double(), { minLength: 1, maxLength: 30 }),
      async (unordered, others) => {
        const edges = [...new Set(unordered.map((edge) => edge + 0))].sort((a, b) => a - b);
        const values = [...others, ...edges, ...edges.map((edge) => edge + 1e-9)];
        const expression = binExpression({ kind: 'numeric', feature: 'f', edges, coarse: [], reference: [] }, 'v');
        const found = await binsOf(
          expression,
          'Float64',
          values.map((value, i) => `(${i}, ${literal(value)})`),
        );
        assert.deepEqual(
          found,
          values.map((value) => numericBin(edges, value)),
        );
      },
    ),
    { numRuns: 60 },
  );
});

test('categories: empty is null, known ones in their order, others unseen, whatever is in their names', async () => {
  const bins: CategoricalBins = {
    kind: 'categorical',
    feature: 'f',
    categories: ['a', "it's", 'x\\y', 'ü'],
    reference: [],
  };
  const values = ['', 'a', "it's", 'x\\y', 'ü', 'unheard of'];
  const quoted = values.map((value, i) => `(${i}, '${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}')`);
  const expected = [BIN_NULL, BIN_FIRST, BIN_FIRST + 1, BIN_FIRST + 2, BIN_FIRST + 3, BIN_OUTSIDE];
  assert.deepEqual(await binsOf(binExpression(bins, 'v'), 'String', quoted), expected);
  const none = await binsOf(binExpression({ ...bins, categories: [] }, 'v'), 'String', quoted);
  assert.deepEqual(none, [BIN_NULL, ...values.slice(1).map(() => BIN_OUTSIDE)]);
});
