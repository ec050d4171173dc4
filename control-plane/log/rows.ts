import { quoted } from '../../clickhouse/table.js';

/** Which rows of the log: times in milliseconds since 1970, [from, to). */
export interface RowFilter {
  readonly model: string;
  readonly from_ms: number;
  readonly to_ms: number;
  readonly version?: number | undefined;
  readonly variant?: string | undefined;
  readonly node?: string | undefined;
  /** `name=value` */
  readonly segment?: string | undefined;
  /** A further condition of ClickHouse on rows of the log, which states know nothing of. */
  readonly condition?: string | undefined;
}

/** Conditions on `inference_log`: answered requests only, since a refused one says nothing of its model. */
export function rowConditions(filter: RowFilter): string {
  return `${anyRowConditions(filter)} AND outcome = 'ok'`;
}

/** What stands behind FROM for these rows. */
export function logRows(database: string, filter: RowFilter): string {
  return `${database}.inference_log WHERE ${rowConditions(filter)}`;
}

/** The same for every request that was logged, refused and failed ones included. */
export function anyRowConditions(filter: RowFilter): string {
  const { from_ms, to_ms, segment, condition } = filter;
  const [name, ...value] = (segment ?? '').split('=');
  return [
    ...cuts(filter),
    `ts >= ${time(from_ms)} AND ts < ${time(to_ms)}`,
    // A map answers '' for what it does not have, which would be a value.
    ...(segment === undefined
      ? []
      : [`mapContains(segment, ${quoted(name)}) AND segment[${quoted(name)}] = ${quoted(value.join('='))}`]),
    ...(condition === undefined ? [] : [`(${condition})`]),
  ].join(' AND ');
}

/** Conditions on a table of states. Its hours must lie within the filter wholly: that is for the caller to see to. */
export function stateConditions(filter: RowFilter): string {
  return `${hourConditions(filter)} AND segment = ${quoted(filter.segment ?? '')}`;
}

/** The same for rows of any segment. */
export function hourConditions(filter: RowFilter): string {
  const { from_ms, to_ms } = filter;
  const hours = `hour >= toDateTime(${from_ms / 1000}, 'UTC') AND hour < toDateTime(${to_ms / 1000}, 'UTC')`;
  return [...cuts(filter), hours].join(' AND ');
}

function cuts({ model, version, variant, node }: RowFilter): string[] {
  return [
    `model = ${quoted(model)}`,
    ...(version === undefined ? [] : [`version = ${version}`]),
    ...(variant === undefined ? [] : [`variant = ${quoted(variant)}`]),
    ...(node === undefined ? [] : [`node = ${quoted(node)}`]),
  ];
}

function time(ms: number): string {
  return `fromUnixTimestamp64Micro(${Math.round(ms * 1000)}, 'UTC')`;
}
