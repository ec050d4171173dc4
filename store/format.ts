const TEXT = 'text/plain; charset=UTF-8';

const CONTENT_TYPES: readonly [pattern: RegExp, type: string][] = [
  [/^JSON(Compact)?(Strings)?(WithProgress)?EachRow/i, 'application/x-ndjson; charset=UTF-8'],
  [/^JSON/i, 'application/json; charset=UTF-8'],
  [/^CSV/i, 'text/csv; charset=UTF-8; header=absent'],
  [/^(TSV|TabSeparated)/i, 'text/tab-separated-values; charset=UTF-8'],
  [/^(Native|RowBinary|Parquet|Arrow|ORC|Avro|MsgPack|Protobuf|CapnProto|BSON|Npy)/i, 'application/octet-stream'],
  [/^XML$/i, 'application/xml; charset=UTF-8'],
];

export function contentType(format: string): string {
  return CONTENT_TYPES.find(([pattern]) => pattern.test(format))?.[1] ?? TEXT;
}

/** Formats without a head, a tail or anything between the rows: their pieces, put together, are the whole. */
const PIECEWISE = new Set(
  [
    'Native',
    'RowBinary',
    'JSONEachRow',
    'NDJSON',
    'JSONLines',
    'JSONCompactEachRow',
    'TabSeparated',
    'TSV',
    'CSV',
    'TSKV',
    'MsgPack',
    'LineAsString',
    'RawBLOB',
  ].map((name) => name.toLowerCase()),
);

export function isPiecewise(format: string): boolean {
  return PIECEWISE.has(format.toLowerCase());
}
