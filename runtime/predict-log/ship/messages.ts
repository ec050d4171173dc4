import type { ClickHouseOptions } from '../../../clickhouse/connection.js';
import type { SchemaTarget } from '../../../clickhouse/table.js';
import type { ShippingOptions } from './shipping.js';
import type { ShipperStatus } from './status.js';

/** What the shipper's thread is started with. */
export interface ShipperData {
  readonly shipping: ShippingOptions;
  /** Buffer of the SpoolState. */
  readonly state: SharedArrayBuffer;
  readonly clickhouse: ClickHouseOptions;
  readonly target: SchemaTarget;
  /** Version of this program, for the schema. */
  readonly program: string;
}

/** Ship what has been written until now, and end. */
export interface ToShipper {
  readonly type: 'stop';
}

export type FromShipper =
  | { readonly type: 'status'; readonly status: ShipperStatus }
  | {
      readonly type: 'failed';
      readonly kind: string;
      readonly code: string;
      readonly reason: string;
      readonly what: string;
    };
