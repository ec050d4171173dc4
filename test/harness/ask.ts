import type { InferResult } from '../../client/index.js';

export interface Given {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly data: readonly unknown[];
}

export interface AskOptions {
  readonly version?: number;
  readonly id?: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly outputs?: readonly unknown[];
  readonly signal?: AbortSignal;
}

export interface Asked {
  readonly status: number;
  readonly retry_after: string | null;
  /** '' where it was answered. */
  readonly code: string;
  readonly error: string;
  /** The values of each output. */
  readonly outputs: Readonly<Record<string, readonly unknown[]>>;
  readonly model_version: string;
}

interface InferBody {
  readonly error?: string;
  readonly code?: string;
  readonly model_version?: string;
  readonly outputs?: readonly { readonly name: string; readonly data: readonly unknown[] }[];
}

/** Rows of FP32 as one tensor. */
export function floats(name: string, rows: readonly (readonly number[])[]): Given {
  return { name, datatype: 'FP32', shape: [rows.length, rows[0]?.length ?? 0], data: rows.flat() };
}

/** One inference over HTTP, in JSON. */
export async function ask(
  url: string,
  model: string,
  inputs: readonly Given[],
  options: AskOptions = {},
): Promise<Asked> {
  const { version, signal, ...members } = options;
  const path = version === undefined ? model : `${model}/versions/${version}`;
  const response = await fetch(`${url}/v2/models/${path}/infer`, {
    method: 'POST',
    body: JSON.stringify({ ...members, inputs }),
    ...(signal === undefined ? {} : { signal }),
  });
  const body: InferBody = JSON.parse(await response.text());
  return {
    status: response.status,
    retry_after: response.headers.get('retry-after'),
    code: body.code ?? '',
    error: body.error ?? '',
    outputs: Object.fromEntries((body.outputs ?? []).map(({ name, data }) => [name, data])),
    model_version: body.model_version ?? '',
  };
}

/** The numbers of an output that the TypeScript client read. */
export function valuesOf(result: InferResult, output: string): number[] {
  return Array.from(result.outputs[output].data, Number);
}

/** One row for the model `slow`, which computes for as many turns as asked: a thousand take a tenth of a second or more. */
export function askSlow(url: string, turns: number, options: AskOptions = {}): Promise<Asked> {
  return ask(url, 'slow', [floats('x', [[turns]])], options);
}

export async function post(url: string, path: string, body: unknown = {}): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`${url}${path}`, { method: 'POST', body: JSON.stringify(body) });
  const text = await response.text();
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
}

export interface IndexRow {
  readonly name: string;
  readonly version: string;
  readonly state: string;
  readonly reason?: string;
}

export async function repositoryIndex(url: string): Promise<readonly IndexRow[]> {
  const response = await fetch(`${url}/v2/repository/index`, { method: 'POST' });
  const rows: readonly IndexRow[] = JSON.parse(await response.text());
  return rows;
}

export interface Counters {
  readonly rows: number;
  readonly batches: number;
  readonly success: number;
  readonly fail: number;
  /** Batches by their rows. */
  readonly sizes: ReadonlyMap<number, number>;
}

interface Counted {
  readonly count: number;
}
interface StatsBody {
  readonly model_stats: readonly {
    readonly inference_count: number;
    readonly execution_count: number;
    readonly inference_stats: { readonly success: Counted; readonly fail: Counted };
    readonly batch_stats: readonly { readonly batch_size: number; readonly compute_infer: Counted }[];
  }[];
}

/** What a model has done, over all its versions. */
export async function countersOf(url: string, model: string): Promise<Counters> {
  const response = await fetch(`${url}/v2/models/${model}/stats`);
  const { model_stats }: StatsBody = JSON.parse(await response.text());
  const sizes = new Map<number, number>();
  for (const { batch_stats } of model_stats) {
    for (const { batch_size, compute_infer } of batch_stats) {
      sizes.set(batch_size, (sizes.get(batch_size) ?? 0) + compute_infer.count);
    }
  }
  const sum = (of: (stats: StatsBody['model_stats'][number]) => number): number =>
    model_stats.reduce((total, stats) => total + of(stats), 0);
  return {
    rows: sum((stats) => stats.inference_count),
    batches: sum((stats) => stats.execution_count),
    success: sum((stats) => stats.inference_stats.success.count),
    fail: sum((stats) => stats.inference_stats.fail.count),
    sizes,
  };
}

/** Requests of a model that were admitted and are not done, as its metric says. */
export async function pendingRequests(url: string, model: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const wanted = new RegExp(`^nv_inference_pending_request_count\\{[^}]*model="${model}"[^}]*\\} (\\d+)`, 'm');
  return Number(wanted.exec(text)?.[1] ?? Number.NaN);
}

/** Waits until it is so; fails after 20 s, which is no expectation of speed but the end of patience. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 20_000;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`never came true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
