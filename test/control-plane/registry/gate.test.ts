import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EnvironmentSchema } from '../../../contract/environment.js';
import { type ModelRecord, ModelRecordSchema } from '../../../contract/registry-record.js';
import { gateProblems, passGate } from '../../../control-plane/registry/gate.js';

const at = '2026-01-02T03:04:05.000Z';
const tensor = (name: string) => ({ name, datatype: 'FP32', shape: [-1, 4] });

function record(more: object = {}, aliases: Record<string, number> = { champion: 1 }): ModelRecord {
  const version = (number: number, rest: object) => ({
    version: number,
    digest: `sha256:${String(number).padStart(64, '0')}`,
    bytes: 1,
    memory_bytes: 1,
    created_at: at,
    created_by: 'somebody',
    signature: { inputs: [tensor('x')], outputs: [tensor('y')] },
    ...rest,
  });
  const versions = [version(1, {}), version(2, more)];
  return ModelRecordSchema.parse({ v: 1, model: 'm', created_at: at, versions, aliases });
}

function problems(requires: object, more: object = {}, aliases?: Record<string, number>): readonly string[] {
  const known = record(more, aliases);
  return gateProblems(EnvironmentSchema.parse({ requires }), known, known.versions[1]);
}

test('an environment that asks for nothing takes any version', () => {
  assert.deepEqual(problems({}), []);
});

test('each thing that is asked for is missed by its name, and what is not known is no pass', () => {
  assert.match(problems({ environments: ['staging'] })[0], /has not been let into 'staging'/);
  assert.match(problems({ signed: true })[0], /nobody has signed it/);
  assert.match(problems({ metrics: { auc: { least: 0.7 } } })[0], /has no metric 'auc'/);
  assert.match(
    problems({ metrics: { auc: { least: 0.7 } } }, { metrics: { auc: 0.69 } })[0],
    /its auc is 0\.69, at least 0\.7/,
  );
  assert.match(
    problems({ metrics: { loss: { most: 1 } } }, { metrics: { loss: 1.5 } })[0],
    /its loss is 1\.5, at most 1/,
  );
  assert.match(problems({ metrics: { constructor: { most: 1 } } })[0], /has no metric 'constructor'/);
  assert.match(problems({ labels: { reviewed: 'yes' } })[0], /label 'reviewed' is missing, 'yes' is asked for/);
  const other = { signature: { inputs: [tensor('z')], outputs: [tensor('y')] } };
  assert.equal(problems({ compatible: true }, other).length, 2);
  assert.deepEqual(problems({ compatible: true }, other, {}), [], 'without a champion there is nobody to break');
});

test('who has everything passes; who has not is told all of it at once', () => {
  const requires = {
    environments: ['staging'],
    signed: true,
    metrics: { auc: { least: 0.7 } },
    labels: { reviewed: 'yes' },
    compatible: true,
  };
  const fine = {
    environments: { staging: { at, by: 'x' } },
    signed: true,
    metrics: { auc: 0.7 },
    labels: { reviewed: 'yes' },
  };
  assert.deepEqual(problems(requires, fine), []);
  const known = record();
  const policy = EnvironmentSchema.parse({ requires });
  assert.throws(
    () => passGate('prod', policy, known, known.versions[1]),
    (thrown) => {
      assert.match(
        String(thrown),
        /'m' version 2 is not let into 'prod': .*staging.*; nobody has signed.*auc.*reviewed/s,
      );
      return true;
    },
  );
});
