import type { WireAnswer } from './http-answer.js';
import type { Observed, TritonCase } from './triton-case.js';

/** JSON that Triton and the runtime both write with ordinary numbers. */
type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };
type JsonObject = { readonly [name: string]: Json };

/** What is wrong with metadata, a configuration, statistics or an index: more members are welcome, fewer are not. */
export function complaintsOfDescription(recorded: TritonCase, observed: Observed, answer: WireAnswer): string[] {
  const text = recorded.answer.body ?? '';
  // What has no body to Triton (health, load) may have one here.
  if (text === '' || recorded.method === 'HEAD') return [];
  const wanted = parse(text);
  let got: Json;
  try {
    got = parse(answer.body.toString('utf8'));
  } catch {
    return [`no JSON: ${answer.body.toString('utf8').slice(0, 200)}`];
  }
  const volatile = (recorded.answer.volatile ?? []).join();
  if (volatile.startsWith('every number')) return statisticsComplaints(recorded, observed, wanted, got);
  if (volatile.startsWith('everything but')) return equal('configuration', configuration(got), configuration(wanted));
  if (volatile.includes('not ready')) return equal('index', index(got), index(wanted));
  return missing(wanted, got, recorded.answer.volatile ?? [], '');
}

function parse(text: string): Json {
  return JSON.parse(text);
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function list(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

function objects(value: Json | undefined): readonly JsonObject[] {
  return list(value).filter(isObject);
}

function equal(what: string, got: unknown, wanted: unknown): string[] {
  const [gotText, wantedText] = [JSON.stringify(got), JSON.stringify(wanted)];
  return gotText === wantedText ? [] : [`${what} ${gotText}, recorded ${wantedText}`];
}

/** Members and elements of `wanted` that `got` does not have alike. Lists are compared whole. */
function missing(wanted: Json, got: Json | undefined, volatile: readonly string[], path: string): string[] {
  if (isObject(wanted)) {
    if (!isObject(got)) return [`${path} is no object`];
    return Object.entries(wanted).flatMap(([name, value]) => {
      if (volatile.includes(name)) return name in got ? [] : [`${path}/${name} is missing`];
      return missing(value, got[name], volatile, `${path}/${name}`);
    });
  }
  if (Array.isArray(wanted)) {
    if (!Array.isArray(got) || got.length !== wanted.length) return equal(path, got, wanted);
    return wanted.flatMap((value, i) => missing(value, got[i], volatile, `${path}/${i}`));
  }
  return Object.is(wanted, got) ? [] : equal(path, got, wanted);
}

/** Name, and the name, datatype and whole shape of every tensor. */
function configuration(value: Json): unknown {
  if (!isObject(value)) return undefined;
  const batch = Number(value.max_batch_size) > 0 ? [-1] : [];
  const tensors = (name: string): unknown =>
    objects(value[name]).map((tensor) => [tensor.name, tensor.data_type, [...batch, ...list(tensor.dims)]]);
  return { name: value.name, input: tensors('input'), output: tensors('output') };
}

/** What is ready, with its version; and what else is listed, by name and state. In any order. */
function index(value: Json): readonly string[] {
  return objects(value)
    .map(({ name, version, state }) => (state === 'READY' ? `${name} ${version} READY` : `${name} ${state ?? ''}`))
    .sort();
}

function statisticsComplaints(recorded: TritonCase, observed: Observed, wanted: Json, got: Json): string[] {
  const [before] = isObject(wanted) ? objects(wanted.model_stats) : [];
  const rows = isObject(got) ? objects(got.model_stats) : [];
  if (rows.length !== 1) return [`model_stats has ${rows.length} entries`];
  const complaints = sameForm(before, rows[0], '');
  const { moved } = recorded.answer;
  if (moved === undefined || observed.earlier?.outcome !== 'answered') return complaints;
  const earlier = parse(observed.earlier.answer.body.toString('utf8'));
  const movedHere = difference(counters(earlier), counters(got));
  return [...complaints, ...equal('counters moved by', sorted(movedHere), sorted(moved))];
}

/** Numbers are the machine's own; `batch_stats` lists only what has run. */
function sameForm(wanted: Json | undefined, got: Json | undefined, path: string): string[] {
  if (isObject(wanted)) {
    if (!isObject(got)) return [`${path} is no object`];
    return Object.entries(wanted).flatMap(([name, value]) => sameForm(value, got[name], `${path}/${name}`));
  }
  if (Array.isArray(wanted)) return Array.isArray(got) ? [] : [`${path} is no list`];
  if (typeof wanted === 'number') return typeof got === 'number' ? [] : [`${path} is no number`];
  return equal(path, got, wanted);
}

/** Triton's counters as the recordings name them. */
function counters(value: Json): Readonly<Record<string, number>> {
  const [stats] = isObject(value) ? objects(value.model_stats) : [];
  const count = (entry: Json | undefined): number => (isObject(entry) ? Number(entry.count) : Number.NaN);
  const inference = isObject(stats?.inference_stats) ? stats.inference_stats : {};
  const found: Record<string, number> = {
    inference_count: Number(stats?.inference_count),
    execution_count: Number(stats?.execution_count),
    success: count(inference.success),
    fail: count(inference.fail),
  };
  for (const batch of objects(stats?.batch_stats)) found[`batches of ${batch.batch_size}`] = count(batch.compute_infer);
  return found;
}

function difference(
  earlier: Readonly<Record<string, number>>,
  later: Readonly<Record<string, number>>,
): Record<string, number> {
  const moved = Object.entries(later).map(([name, count]) => [name, count - (earlier[name] ?? 0)] as const);
  return Object.fromEntries(moved.filter(([, by]) => by !== 0));
}

function sorted(counts: Readonly<Record<string, number>>): unknown {
  return Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1));
}
