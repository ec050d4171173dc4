import { gunzipSync, inflateSync } from 'node:zlib';
import type { WireAnswer } from './http-answer.js';
import { type ComparableInference, type ComparableOutput, readInference } from './inference-answer.js';
import type { Observed, TritonCase } from './triton-case.js';
import { complaintsOfDescription } from './triton-description.js';

/** These are what clients look at; of another error the class is enough. */
const EXACT_ERRORS = new Set([404, 405, 501, 503]);
const LENGTH_HEADER = 'inference-header-content-length';

interface Leniency {
  /** JSON or binary may differ. */
  readonly transport: boolean;
  /** Classes may be without their labels. */
  readonly labels: boolean;
}

/** What is wrong with an answer, by the rules of the recordings' README; empty: it is good. */
export function judge(recorded: TritonCase, observed: Observed): string[] {
  const { deliberate } = recorded;
  const complaints = asRecorded(recorded, observed, { transport: false, labels: false });
  if (complaints.length === 0 || deliberate === undefined) return complaints;
  const isExcused = deliberate.instead.some((instead) => answersInstead(recorded, observed, instead));
  return isExcused ? [] : [...complaints, `nor is it one of ${JSON.stringify(deliberate.instead)}: ${deliberate.why}`];
}

function answersInstead(recorded: TritonCase, observed: Observed, instead: string | number): boolean {
  if (instead === 'closed') return observed.outcome.outcome === 'closed';
  if (instead === 'transport' || instead === 'labels') {
    const leniency = { transport: instead === 'transport', labels: instead === 'labels' };
    return asRecorded(recorded, observed, leniency).length === 0;
  }
  if (observed.outcome.outcome !== 'answered') return false;
  const { answer } = observed.outcome;
  const isMeant =
    typeof instead === 'number' ? answer.status === instead : `${instead[0]}xx` === classOf(answer.status);
  if (!isMeant) return false;
  if (answer.status < 400 || recorded.deliberate?.any_body || recorded.method === 'HEAD') return true;
  return errorComplaints(recorded, answer).length === 0;
}

function classOf(status: number): string {
  return `${Math.floor(status / 100)}xx`;
}

function asRecorded(recorded: TritonCase, observed: Observed, leniency: Leniency): string[] {
  const expected = recorded.answer;
  if (observed.outcome.outcome !== 'answered' || expected.outcome !== 'answered') {
    const same = observed.outcome.outcome === expected.outcome;
    return same
      ? []
      : [`${observed.outcome.outcome} ${statusOf(observed)}, recorded ${expected.outcome} ${expected.status ?? ''}`];
  }
  const { answer } = observed.outcome;
  const status = expected.status ?? 0;
  const complaints: string[] = [];
  const isSame = answer.status === status || (isFreeError(status) && classOf(answer.status) === classOf(status));
  if (!isSame) return [`status ${answer.status}, recorded ${status}: ${shown(answer)}`];
  complaints.push(...encodingComplaints(recorded, answer));
  if (status >= 400) complaints.push(...errorComplaints(recorded, answer));
  else if (recorded.path.includes('/infer')) complaints.push(...inferenceComplaints(recorded, answer, leniency));
  else complaints.push(...complaintsOfDescription(recorded, observed, answer));
  return complaints;
}

function isFreeError(status: number): boolean {
  return status >= 400 && !EXACT_ERRORS.has(status);
}

function statusOf({ outcome }: Observed): string {
  return outcome.outcome === 'answered' ? shown(outcome.answer) : '';
}

function shown(answer: WireAnswer): string {
  return `${answer.status} ${answer.body.toString('utf8').slice(0, 300)}`;
}

function errorComplaints(recorded: TritonCase, answer: WireAnswer): string[] {
  // A HEAD request has no body to carry anything.
  if (recorded.method === 'HEAD') return [];
  let body: unknown;
  try {
    body = JSON.parse(answer.body.toString('utf8'));
  } catch {
    return [`the error is no JSON: ${shown(answer)}`];
  }
  const error = typeof body === 'object' && body !== null && 'error' in body ? body.error : undefined;
  if (typeof error !== 'string') return [`no string 'error': ${shown(answer)}`];
  const wanted = recorded.error_has ?? '';
  return error.includes(wanted) ? [] : [`the error lacks '${wanted}': ${error}`];
}

function encodingComplaints(recorded: TritonCase, answer: WireAnswer): string[] {
  const complaints: string[] = [];
  const wanted = recorded.answer.headers?.['content-encoding'];
  const got = answer.headers.get('content-encoding');
  if (wanted !== got) complaints.push(`content-encoding ${got}, recorded ${wanted}`);
  if (recorded.answer.headers?.['accept-encoding'] !== undefined) {
    const names = answer.headers.get('accept-encoding')?.split(/, */) ?? [];
    if (!names.includes('gzip') || !names.includes('deflate')) complaints.push(`accept-encoding says ${names}`);
  }
  return complaints;
}

/** The body as it was before compression. */
export function inflated(answer: WireAnswer): Buffer {
  const encoding = answer.headers.get('content-encoding');
  if (encoding === 'gzip') return gunzipSync(answer.body);
  return encoding === 'deflate' ? inflateSync(answer.body) : answer.body;
}

function inferenceComplaints(recorded: TritonCase, answer: WireAnswer, leniency: Leniency): string[] {
  const expected = recorded.answer;
  const json =
    expected.body_base64 === undefined ? Buffer.from(expected.body ?? '') : Buffer.from(expected.body_base64, 'base64');
  const wanted = readInference(json, Buffer.from(expected.binary_base64 ?? '', 'base64'));
  const complaints: string[] = [];
  if (!leniency.transport) complaints.push(...headerComplaints(recorded, answer));
  let got: ComparableInference;
  try {
    const body = inflated(answer);
    const jsonBytes = Number(answer.headers.get(LENGTH_HEADER) ?? body.length);
    got = readInference(body.subarray(0, jsonBytes), body.subarray(jsonBytes));
  } catch (error) {
    return [...complaints, `unreadable answer: ${error instanceof Error ? error.message : error}: ${shown(answer)}`];
  }
  complaints.push(...differences('members', wanted.members, got.members));
  const texts = (inference: ComparableInference): ReadonlyMap<string, string> =>
    new Map([...inference.outputs].map(([name, output]) => [name, outputText(output, leniency)]));
  return [...complaints, ...differences('outputs', texts(wanted), texts(got))];
}

function headerComplaints(recorded: TritonCase, answer: WireAnswer): string[] {
  const complaints: string[] = [];
  const headers = recorded.answer.headers ?? {};
  const type = answer.headers.get('content-type');
  if (type !== headers['content-type']) complaints.push(`content-type ${type}, recorded ${headers['content-type']}`);
  const isBinary = answer.headers.has(LENGTH_HEADER);
  if (isBinary !== LENGTH_HEADER in headers) complaints.push(`${LENGTH_HEADER} is ${isBinary ? '' : 'not '}there`);
  return complaints;
}

function outputText({ datatype, shape, transport, values }: ComparableOutput, leniency: Leniency): string {
  const shownValues = leniency.labels ? values.map((value) => value.split(':').slice(0, 2).join(':')) : values;
  return JSON.stringify({ datatype, shape, transport: leniency.transport ? '' : transport, values: shownValues });
}

function differences(what: string, wanted: ReadonlyMap<string, string>, got: ReadonlyMap<string, string>): string[] {
  const names = new Set([...wanted.keys(), ...got.keys()]);
  return [...names]
    .filter((name) => wanted.get(name) !== got.get(name))
    .map((name) => `${what} ${name}: ${got.get(name)?.slice(0, 400)}, recorded ${wanted.get(name)?.slice(0, 400)}`);
}
