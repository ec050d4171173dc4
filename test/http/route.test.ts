import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { isAllowed, parseRoute } from '../../runtime/http/route.js';

it('finds the route of every path of the protocol', () => {
  const routes: Record<string, [string, string?, string?]> = {
    '/v2': ['server-metadata'],
    '/v2/health/live': ['live'],
    '/v2/health/ready': ['ready'],
    '/v2/models': ['models'],
    '/v2/models/stats': ['statistics'],
    '/v2/models/m': ['model-metadata', 'm'],
    '/v2/models/m/versions/7': ['model-metadata', 'm', '7'],
    '/v2/models/m/ready': ['model-ready', 'm'],
    '/v2/models/m/versions/7/config': ['model-config', 'm', '7'],
    '/v2/models/m/stats': ['model-statistics', 'm'],
    '/v2/models/m/infer': ['infer', 'm'],
    '/v2/models/m/versions/01/infer': ['infer', 'm', '01'],
    '/v2/models/a%2Fb%20%C3%A4/infer': ['infer', 'a/b ä'],
    '/v2/models/%zz/infer': ['infer', '%zz'],
    '/v2/models/infer/infer': ['infer', 'infer'],
    '/v2/models/m/generate_stream': ['generate', 'm'],
    '/v2/models/m/trace/setting': ['model-trace', 'm'],
    '/v2/repository/index': ['repository-index'],
    '/v2/repository/models/a%20b/load': ['model-load', 'a b'],
    '/v2/repository/models/m/unload': ['model-unload', 'm'],
    '/v2/systemsharedmemory/status': ['shared-memory'],
    '/v2/cudasharedmemory/region/r/register': ['shared-memory-change'],
    '/v2/logging': ['logging'],
    '/metrics': ['metrics'],
  };
  for (const [path, [kind, model = '', version = '']] of Object.entries(routes)) {
    assert.deepEqual(parseRoute(path), { kind, model, version }, path);
  }
});

it('finds nothing where there is nothing', () => {
  const paths = [
    '',
    '/',
    '/v3',
    '/v2/',
    '/v2/health',
    '/v2/models/',
    '/v2/models/m/',
    '/v2/models//infer',
    '/v1/models/m',
  ];
  paths.push(
    '/v2/models/m/versions',
    '/v2/models/m/versions/',
    '/v2/models/m/versions/one',
    '/v2/models/m/versions/-1',
  );
  paths.push(
    '/v2/models/m/versions/latest/infer',
    '/v2/models/m/infer/',
    '/v2/models/m/nothing',
    '/v2/models/../health/live',
  );
  paths.push(
    '/v2/repository',
    '/v2/repository/models/m',
    '/v2/repository/models//load',
    '/v2/repository/index/',
    '/metrics/',
  );
  for (const path of paths) assert.equal(parseRoute(path), undefined, path);
});

it('never throws, and gives back any name that was quoted', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (path) => void parseRoute(path)));
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (tail) => void parseRoute(`/v2/models/${tail}`)));
  const name = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => text !== 'stats');
  fc.assert(
    fc.property(name, (model) => {
      assert.equal(parseRoute(`/v2/models/${encodeURIComponent(model)}/infer`)?.model, model);
      assert.equal(parseRoute(`/v2/models/${encodeURIComponent(model)}`)?.model, model);
    }),
  );
});

it('allows GET with HEAD, or POST, and nothing else', () => {
  for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'BREW', 'get', '']) {
    assert.ok(!isAllowed(method, 'infer') && !isAllowed(method, 'live') && !isAllowed(method, 'logging'));
  }
  assert.deepEqual(
    [isAllowed('POST', 'infer'), isAllowed('GET', 'infer'), isAllowed('HEAD', 'infer')],
    [true, false, false],
  );
  assert.deepEqual(
    [isAllowed('POST', 'live'), isAllowed('GET', 'live'), isAllowed('HEAD', 'live')],
    [false, true, true],
  );
});
