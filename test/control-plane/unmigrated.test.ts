import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { createApp } from '../../control-plane/app.js';
import { startStoreProcess } from '../harness/store-process.js';

test('while the tables are still to be made every question is answered with 503, and that it may be asked again', async (t) => {
  const { client } = await startStoreProcess(t);
  const log = { debug() {}, info() {}, warn() {}, error() {}, flush() {} };
  const app = createApp({ client, database: 'tidegate', log, now_ms: Date.now });
  for (const path of ['models/m/predictions', 'models/m/drift', 'models/m/performance', 'labels', 'alerts']) {
    const response = await app.request(`/v1/${path}`);
    assert.equal(response.status, 503, path);
    const { code, detail } = z.object({ code: z.string(), detail: z.string() }).parse(await response.json());
    assert.equal(code, 'STORE_UNAVAILABLE');
    assert.match(detail, /not there yet/);
  }
});
