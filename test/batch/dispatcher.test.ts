import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ADD_SUB, addSubRequest, IDENTITY_BYTES, Rig, request } from './rig.js';

function ints(bytes: Buffer): number[] {
  return Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readInt32LE(i * 4));
}

for (const [where, inline_us] of [
  ['on a worker thread', 0],
  ['on the socket thread', 1_000_000],
] as const) {
  test(`${where}: a request comes back with its own sums and differences`, async () => {
    const rig = new Rig({ inline_us });
    try {
      await rig.serve(ADD_SUB);
      const answer = await rig.infer(addSubRequest(100));
      assert.deepEqual(
        answer.outputs.map((output) => output.shape),
        [
          [1, 16],
          [1, 16],
        ],
      );
      assert.deepEqual(
        ints(answer.outputs[0].bytes),
        Array.from({ length: 16 }, (_, i) => 101 + i),
      );
      assert.deepEqual(
        ints(answer.outputs[1].bytes),
        Array.from({ length: 16 }, (_, i) => 99 + i),
      );
    } finally {
      await rig.stop();
    }
  });

  test(`${where}: requests of many callers share batches, and each gets exactly its rows`, async () => {
    const rig = new Rig({ inline_us });
    try {
      await rig.serve(ADD_SUB);
      const answers = await Promise.all(
        Array.from({ length: 200 }, (_, i) => rig.infer(addSubRequest(i * 1000, 1 + (i % 3)))),
      );
      answers.forEach((answer, i) => {
        const rows = 1 + (i % 3);
        assert.deepEqual(answer.outputs[0].shape, [rows, 16]);
        assert.deepEqual(
          ints(answer.outputs[0].bytes),
          Array.from({ length: 16 * rows }, (_, k) => i * 1000 + k + 1),
        );
      });
      const { executions } = rig.observer;
      assert.equal(
        executions.reduce((sum, run) => sum + run.requests, 0),
        200,
      );
      assert.ok(
        executions.every((run) => run.rows <= 8),
        'a batch passed the model’s maximum',
      );
      assert.ok(
        executions.some((run) => run.requests > 1),
        'no two requests shared a batch',
      );
    } finally {
      await rig.stop();
    }
  });

  test(`${where}: strings of several callers share a batch and come back as they were`, async () => {
    const rig = new Rig({ inline_us });
    try {
      await rig.serve(IDENTITY_BYTES);
      const wire = (texts: string[]) =>
        Buffer.concat(
          texts.flatMap((text) => {
            const length = Buffer.alloc(4);
            length.writeUInt32LE(Buffer.byteLength(text));
            return [length, Buffer.from(text)];
          }),
        );
      const texts = (i: number) => [`caller ${i}`, '', '🦊'.repeat(i)];
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          rig.infer(request('identity_bytes', [['INPUT0', 'BYTES', [1, 3], wire(texts(i))]])),
        ),
      );
      answers.forEach((answer, i) => {
        assert.deepEqual(answer.outputs[0].shape, [1, 3]);
        assert.equal(answer.outputs[0].bytes.toString('hex'), wire(texts(i)).toString('hex'));
      });
    } finally {
      await rig.stop();
    }
  });
}

test('a model whose full batch is quick moves to the socket thread and gives its worker thread back', async () => {
  const rig = new Rig({ inline_us: 1_000_000 });
  try {
    const version = rig.announce(ADD_SUB);
    const waiting = Array.from({ length: 50 }, (_, i) => rig.infer(addSubRequest(i)));
    await rig.load(version);
    assert.equal(rig.host.backlog.get(version.handle)?.links[0]?.inline, true);
    assert.equal([...rig.host.fleet.links].filter((link) => link.hosted.size > 0).length, 0);
    for (const [i, answer] of (await Promise.all(waiting)).entries())
      assert.equal(ints(answer.outputs[0].bytes)[0], i + 1);
    await rig.host.unload(version.handle);
    assert.equal(rig.host.backlog.get(version.handle)?.links.length, 0);
  } finally {
    await rig.stop();
  }
});

test('requests that arrive before the model is loaded wait for it', async () => {
  const rig = new Rig();
  try {
    const version = rig.announce(ADD_SUB);
    const waiting = rig.infer(addSubRequest(7));
    await rig.load(version);
    assert.equal(ints((await waiting).outputs[0].bytes)[0], 8);
  } finally {
    await rig.stop();
  }
});

test('a full queue refuses at once with QUEUE_FULL and takes requests again when there is room', async () => {
  const rig = new Rig({ limits: { max_queue_requests: 4 } });
  try {
    const version = rig.announce(ADD_SUB);
    const waiting = Array.from({ length: 4 }, (_, i) => rig.infer(addSubRequest(i)));
    await assert.rejects(rig.infer(addSubRequest(5)), { code: 'QUEUE_FULL', message: /Exceeds maximum queue size/ });
    await rig.load(version);
    await Promise.all(waiting);
    await rig.infer(addSubRequest(6));
    assert.equal(rig.host.arena.used_bytes, 0, 'blocks were not given back');
  } finally {
    await rig.stop();
  }
});

test('what expires while it waits is answered without being run', async () => {
  const rig = new Rig();
  try {
    const version = rig.announce(ADD_SUB);
    await assert.rejects(rig.infer(addSubRequest(1, 1, { timeout_us: 2000 })), {
      code: 'DEADLINE_EXPIRED',
      message: /Request timeout expired/,
    });
    await rig.load(version);
    assert.equal(rig.observer.executions.length, 0);
  } finally {
    await rig.stop();
  }
});

test('a caller who left is dropped before it costs a run', async () => {
  const rig = new Rig();
  try {
    const version = rig.announce(ADD_SUB);
    let called = 0;
    const waiter = { answered: () => called++, failed: () => called++ };
    const ticket = rig.admission.infer(addSubRequest(1), waiter, 'http', 0);
    ticket.cancel();
    ticket.cancel();
    await rig.load(version);
    await rig.infer(addSubRequest(2));
    assert.equal(called, 0);
    assert.deepEqual(rig.observer.executions, [{ rows: 1, requests: 1 }]);
    assert.deepEqual(
      rig.observer.failures.map((failure) => failure.code),
      ['CANCELLED'],
    );
  } finally {
    await rig.stop();
  }
});

test('when its thread dies a batch fails exactly once with WORKER_LOST, and the next request finds a new thread', async () => {
  const rig = new Rig();
  try {
    await rig.serve(ADD_SUB);
    const [link] = rig.host.fleet.links;
    link.die('the test ended it');
    const pending = Array.from({ length: 30 }, (_, i) =>
      rig.infer(addSubRequest(i)).then(
        () => 'answered',
        (error: { code: string }) => error.code,
      ),
    );
    // Starts the first batch before this thread can learn that the other is dying.
    rig.host.dispatcher.turn();
    const outcomes = await Promise.all(pending);
    assert.ok(outcomes.includes('WORKER_LOST'), 'nothing was running when the thread died');
    assert.ok(
      outcomes.every((outcome) => outcome === 'answered' || outcome === 'WORKER_LOST'),
      String(outcomes),
    );
    assert.equal(ints((await rig.infer(addSubRequest(41))).outputs[0].bytes)[0], 42);
    assert.equal(rig.host.fleet.restarts, 1);
    assert.equal(rig.host.arena.used_bytes, 0);
  } finally {
    await rig.stop();
  }
});

test('a corrupt model fails to load with the backend’s reason, and leaves no thread behind it', async () => {
  const rig = new Rig();
  try {
    const version = rig.announce({ ...ADD_SUB, artefact: import.meta.filename ?? 'missing' });
    await assert.rejects(rig.load(version), { code: 'MODEL_LOAD_FAILED' });
    assert.equal([...rig.host.fleet.links].filter((link) => link.hosted.size > 0).length, 0);
  } finally {
    await rig.stop();
  }
});

test('a version whose thread dies again and again is given up: requests are refused with the reason, and a load mends it', async () => {
  const rig = new Rig();
  try {
    const version = await rig.serve(ADD_SUB);
    for (let death = 0; death < 3; death++) {
      while (rig.host.backlog.get(version.handle)?.links.length === 0)
        await new Promise((resolve) => setTimeout(resolve, 5));
      for (const link of rig.host.fleet.links) if (link.hosted.has(version.handle)) link.die('it would, every time');
      while (rig.observer.lost.length <= death) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await assert.rejects(rig.infer(addSubRequest(1)), {
      code: 'MODEL_NOT_READY',
      message: /died again and again.*it would, every time/,
    });
    assert.equal(rig.host.arena.used_bytes, 0);
    await rig.serve(ADD_SUB);
    assert.equal(ints((await rig.infer(addSubRequest(1))).outputs[0].bytes)[0], 2);
  } finally {
    await rig.stop();
  }
});
