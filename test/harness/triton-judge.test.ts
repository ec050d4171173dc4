import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import type { WireAnswer } from './http-answer.js';
import { type Observed, type TritonCase, tritonCases } from './triton-case.js';
import { inflated, judge } from './triton-judge.js';

const cases = [...tritonCases().values()].flat();

function packed(bytes: Buffer, encoding: string | undefined): Buffer {
  if (encoding === 'gzip') return gzipSync(bytes);
  return encoding === 'deflate' ? deflateSync(bytes) : bytes;
}

/** The answer that Triton gave, as it came over the wire. */
function recordedAnswer({ answer }: TritonCase): WireAnswer {
  const json =
    answer.body_base64 === undefined ? Buffer.from(answer.body ?? '') : Buffer.from(answer.body_base64, 'base64');
  const plain = Buffer.concat([json, Buffer.from(answer.binary_base64 ?? '', 'base64')]);
  const headers = new Map(Object.entries(answer.headers ?? {}));
  return { status: answer.status ?? 0, headers, body: packed(plain, headers.get('content-encoding')) };
}

function observed(recorded: TritonCase, answer = recordedAnswer(recorded)): Observed {
  const { outcome } = recorded.answer;
  return { outcome: outcome === 'answered' ? { outcome, answer } : { outcome } };
}

/** The same answer with another body. */
function withBody(answer: WireAnswer, change: (body: Buffer) => Buffer): WireAnswer {
  return { ...answer, body: packed(change(inflated(answer)), answer.headers.get('content-encoding')) };
}

/** Cases of which every other answer than the recorded one is bad. */
const strict = cases.filter(
  ({ deliberate, answer, method }) => deliberate === undefined && answer.outcome === 'answered' && method !== 'HEAD',
);
const inferences = strict.filter(({ path, answer }) => answer.status === 200 && path.includes('/infer'));
const withErrors = strict.filter(({ answer }) => (answer.status ?? 0) >= 400);

/** What the judge lets pass of `some` cases, each with its answer changed. */
function accepted(some: readonly TritonCase[], change: (answer: WireAnswer, recorded: TritonCase) => WireAnswer) {
  assert.ok(some.length > 0);
  return some
    .filter((recorded) => judge(recorded, observed(recorded, change(recordedAnswer(recorded), recorded))).length === 0)
    .map(({ name }) => name);
}

describe('the judge of the recorded cases', () => {
  it('finds every answer of Triton itself good', () => {
    assert.equal(cases.length, 333);
    for (const recorded of cases) assert.deepEqual(judge(recorded, observed(recorded)), [], recorded.name);
  });

  it('refuses silence, hanging up, and a status of another class', () => {
    for (const outcome of ['closed', 'silent'] as const) {
      for (const recorded of strict) assert.notDeepEqual(judge(recorded, { outcome: { outcome } }), [], recorded.name);
    }
    const otherClass = (answer: WireAnswer) => ({ ...answer, status: answer.status < 400 ? 400 : 500 });
    const fourHundreds = strict.filter(({ answer }) => (answer.status ?? 0) < 500);
    assert.deepEqual(accepted(fourHundreds, otherClass), []);
  });

  it('refuses 400 where clients look for 404, 405, 501 or 503', () => {
    const exact = withErrors.filter(({ answer }) => [404, 405, 501, 503].includes(answer.status ?? 0));
    assert.deepEqual(
      accepted(exact, (answer) => ({ ...answer, status: 418 })),
      [],
    );
  });

  it('refuses an error that is no JSON, has no text, or lacks what clients look for', () => {
    for (const body of ['plain', '{}', '{"error":5}', '"error"']) {
      assert.deepEqual(
        accepted(withErrors, (answer) => ({ ...answer, body: Buffer.from(body) })),
        [],
      );
    }
    const searched = cases.filter(({ error_has, deliberate }) => error_has !== undefined && deliberate === undefined);
    assert.deepEqual(
      accepted(searched, (answer) => ({ ...answer, body: Buffer.from('{"error":"it went wrong"}') })),
      [],
    );
  });

  it('takes another error of the same class in other words', () => {
    const free = withErrors.filter(({ answer, error_has }) => answer.status === 400 && error_has === undefined);
    const said = { status: 422, headers: new Map(), body: Buffer.from('{"error":"other words","code":"X"}') };
    assert.equal(accepted(free, () => said).length, free.length);
  });

  it('refuses another name, version, id, datatype or shape, and an output more or less', () => {
    const replace = (pattern: RegExp, by: string) => (answer: WireAnswer) =>
      withBody(answer, (body) => Buffer.from(body.toString('latin1').replace(pattern, by), 'latin1'));
    // Where the JSON's length is told, a change of equal length keeps it true.
    for (const [pattern, by] of [
      [/"model_name":"./, '"model_name":"~'],
      [/"model_version":"\d/, '"model_version":"9'],
      [/"datatype":"../, '"datatype":"~~'],
      [/"shape":\[\d/, '"shape":[7'],
      [/"outputs":\[\{"name":"./, '"outputs":[{"name":"~'],
    ] as const) {
      assert.deepEqual(accepted(inferences, replace(pattern, by)), [], String(pattern));
    }
    const withIds = inferences.filter(({ answer }) => /"id":"[^"]/.test(answer.body ?? ''));
    assert.deepEqual(accepted(withIds, replace(/"id":"./, '"id":"~')), []);
  });

  it('refuses a value that differs in one bit, and a digit of a JSON number', () => {
    const binary = inferences.filter(({ answer }) => (answer.binary_base64 ?? '') !== '');
    const flip = (answer: WireAnswer) =>
      withBody(answer, (body) => {
        const changed = Buffer.from(body);
        changed[changed.length - 1] ^= 1;
        return changed;
      });
    assert.deepEqual(accepted(binary, flip), []);
    const digits = inferences.filter(({ answer }) => /"data":\[-?\d/.test(answer.body ?? ''));
    const count = (answer: WireAnswer) =>
      withBody(answer, (body) =>
        Buffer.from(
          body
            .toString('latin1')
            .replace(/("data":\[-?)(\d)/, (_, before: string, digit: string) => before + ((Number(digit) + 1) % 10)),
          'latin1',
        ),
      );
    assert.deepEqual(accepted(digits, count), []);
    const negativeZero = inferences.filter(({ answer }) => /"data":\[[^\]]*-0\.0/.test(answer.body ?? ''));
    const positive = (answer: WireAnswer) =>
      withBody(answer, (body) => Buffer.from(body.toString('latin1').replace('-0.0', '0.0'), 'latin1'));
    assert.deepEqual(accepted(negativeZero, positive), []);
  });

  it('refuses a compression that was not asked for, and the lack of one that was', () => {
    const plain = inferences.filter(({ answer }) => answer.headers?.['content-encoding'] === undefined);
    const compress = (answer: WireAnswer): WireAnswer => ({
      ...answer,
      headers: new Map([...answer.headers, ['content-encoding', 'gzip']]),
      body: gzipSync(answer.body),
    });
    assert.deepEqual(accepted(plain, compress), []);
    const encoded = strict.filter(({ answer }) => answer.headers?.['content-encoding'] !== undefined);
    const inflate = (answer: WireAnswer): WireAnswer => ({
      ...answer,
      headers: new Map([...answer.headers].filter(([name]) => name !== 'content-encoding')),
      body: inflated(answer),
    });
    assert.deepEqual(accepted(encoded, inflate), []);
  });

  it('takes more members in a description, and refuses one less', () => {
    const described = strict.filter(({ answer }) => (answer.body ?? '').includes('"inputs":['));
    const rewrite = (change: (members: Record<string, unknown>) => Record<string, unknown>) => (answer: WireAnswer) =>
      withBody(answer, (body) => Buffer.from(JSON.stringify(change(JSON.parse(body.toString('utf8'))))));
    const more = rewrite((members) => ({ ...members, more: true }));
    assert.equal(accepted(described, more).length, described.length);
    const less = rewrite(({ inputs: _dropped, ...members }) => members);
    assert.deepEqual(accepted(described, less), []);
  });
});
