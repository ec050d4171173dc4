import { parentPort, workerData } from 'node:worker_threads';
import { z } from 'zod';
import { TableWriter } from '../../../feature-cache/store/table-writer.js';

export const GROWN_ENTITIES = 200_000;

/** Inserts entity after entity, and says after each how many there are: the index doubles ten times meanwhile. */
function grow(inserted: Int32Array): void {
  const shape = { name: 'growing', fields: [{ name: 'n', type: 'int32' as const }] };
  const writer = new TableWriter(shape, { budget_bytes: 64 * 1024 * 1024 });
  parentPort?.postMessage(writer.handle);
  // Not before somebody reads.
  Atomics.wait(inserted, 1, 0);
  for (let n = 0; n < GROWN_ENTITIES; n++) {
    writer.apply({ key: [n], event_time_us: 1, ingest_time_us: 1, sequence: 1, source: 'stream', values: { n } }, 1);
    Atomics.store(inserted, 0, n + 1);
  }
  parentPort?.postMessage(writer.stats);
}

if (parentPort !== null) {
  const { counters } = z.object({ counters: z.instanceof(SharedArrayBuffer) }).parse(workerData);
  grow(new Int32Array(counters));
}
