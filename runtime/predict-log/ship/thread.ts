import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { connect } from '../../../clickhouse/connection.js';
import { runThreadInBackground } from '../../../std/background.js';
import { SpoolState } from '../spool-state.js';
import { ClickHouseLogStore } from './log-store.js';
import type { FromShipper, ShipperData, ToShipper } from './messages.js';
import { Shipping } from './shipping.js';

/** Status is told this often at most: a fast drain would flood the socket thread. */
const STATUS_MS = 250;

async function ship(port: MessagePort, data: ShipperData): Promise<void> {
  runThreadInBackground();
  const client = connect(data.clickhouse);
  const store = new ClickHouseLogStore(client, data.target, data.program);
  const tell = (message: FromShipper) => port.postMessage(message);
  let told_ms = Number.NEGATIVE_INFINITY;
  const shipping = new Shipping(data.shipping, new SpoolState(data.state), store, {
    changed: () => {
      if (performance.now() - told_ms < STATUS_MS) return;
      told_ms = performance.now();
      tell({ type: 'status', status: shipping.status });
    },
    failed: ({ kind, code, message }, what) => tell({ type: 'failed', kind, code, reason: message, what }),
  });
  port.on('message', (message: ToShipper) => {
    if (message.type === 'stop') shipping.stop();
  });
  try {
    await shipping.run();
  } finally {
    tell({ type: 'status', status: shipping.status });
    await client.close();
    port.close();
  }
}

const data: ShipperData = workerData;
if (parentPort !== null) await ship(parentPort, data);
