import { parentPort, workerData } from 'node:worker_threads';
import { z } from 'zod';
import type { TableShape } from '../contract/feature-row.js';
import { TableWriter } from '../feature-cache/store/table-writer.js';

/** The thread that owns the table of bench:features, and updates it as it is told. */
const sizes = z.object({ entities: z.number(), features: z.number(), budget_bytes: z.number() });

export type FeatureOrder = { readonly fill: true } | { readonly updates_per_second: number; readonly seconds: number };

export function benchShape(features: number): TableShape {
  const fields = Array.from({ length: features }, (_, n) => ({ name: `feature_${n}`, type: 'float32' }) as const);
  return { name: 'bench', fields, ttl_us: 3_600_000_000 };
}

export function keyOf(entity: number): string {
  return `entity-${entity}`;
}

function run(port: NonNullable<typeof parentPort>): void {
  const { entities, features, budget_bytes } = sizes.parse(workerData);
  const shape = benchShape(features);
  const writer = new TableWriter(shape, { budget_bytes, expected_entities: entities });
  const row: Record<string, number> = Object.fromEntries(shape.fields.map(({ name }) => [name, 0]));
  let sequence = 0;
  const update = (entity: number): void => {
    const now_us = Date.now() * 1000;
    for (const name in row) row[name] = sequence;
    const at = { event_time_us: now_us, ingest_time_us: now_us, sequence: sequence++, source: 'stream' } as const;
    writer.apply({ key: [keyOf(entity)], values: row, ...at }, now_us);
  };
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  const perform = (order: FeatureOrder): number => {
    const began_ms = performance.now();
    let count = 0;
    if ('fill' in order) {
      while (count < entities) update(count++);
    } else {
      for (let spent_s = 0; spent_s < order.seconds; spent_s = (performance.now() - began_ms) / 1000) {
        // Flat out, in portions; else what is due by now, and a rest until more is.
        const flat_out = order.updates_per_second === Number.POSITIVE_INFINITY;
        const due = flat_out ? count + 1000 : spent_s * order.updates_per_second;
        for (; count < due; count++) update(Math.floor(Math.random() * entities));
        if (!flat_out) Atomics.wait(sleeper, 0, 0, 1);
      }
    }
    return (count / (performance.now() - began_ms)) * 1000;
  };
  port.on('message', (order: FeatureOrder) => {
    const updates_per_second = perform(order);
    port.postMessage({ handle: writer.handle, stats: writer.stats, updates_per_second });
  });
}

if (parentPort !== null) run(parentPort);
