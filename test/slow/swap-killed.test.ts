import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AdderLoad } from '../harness/adder-load.js';
import { until } from '../harness/ask.js';
import { asked, type FleetProcess, startFleet } from '../harness/fleet.js';
import { seededRandom } from '../harness/seeded-random.js';

const ROUNDS = 12;
/** A swap of this model takes half a second from its order to the last node: fetched, verified, loaded, warmed, switched, drained. */
const LATEST_KILL_MS = 600;
const VICTIMS = ['node', 'nats', 'control'] as const;

const seed = Number(process.env['SWAP_SEED'] ?? Math.floor(Math.random() * 1e6));

test(`whatever is killed at whatever moment of a swap, the node that lives fails no request, and all nodes end with what was asked (SWAP_SEED=${seed})`, async (t) => {
  const random = seededRandom(seed);
  const fleet = await startFleet(t);
  const controls = await Promise.all([fleet.control('control-1'), fleet.control('control-2')]);
  const [steady, victim] = await Promise.all([fleet.node('edge-1'), fleet.node('edge-2')]);
  const adds = new Map<string, number>();
  await pushed(0);
  await asked(controls[0], ['deploy', 'adder@1']);
  const load = new AdderLoad(steady, 'adder', adds);
  t.after(() => load.stop());
  for (let round = 1; round <= ROUNDS; round++) {
    await pushed(round);
    const version = round + 1;
    const kind = VICTIMS[Math.floor(random() * VICTIMS.length)];
    const delay_ms = random() * LATEST_KILL_MS;
    const swap = asked(controls[round % 2], ['deploy', `adder@${version}`, '--wait', '0']).catch(
      () => 'killed meanwhile',
    );
    await new Promise((resolve) => setTimeout(resolve, delay_ms));
    t.diagnostic(`round ${round}: ${kind} after ${delay_ms.toFixed(0)} ms`);
    await killAndRestart(kind, controls[Math.floor(random() * 2)]);
    await swap;
    // An order that was cut off was given or was not: asking again for the same changes nothing.
    await until('the order is taken', () => taken(controls, version));
    await until(`every node serves version ${version}`, () => converged(controls[0], version));
    assert.deepEqual(load.failures, [], `round ${round}`);
  }
  await load.stop();
  assert.ok(load.answered > 1000, `${load.answered} requests were asked`);

  /** Other bytes each time, so that every swap has something to fetch. */
  async function pushed(round: number): Promise<void> {
    const n = round % 2 === 0 ? 1 : 2;
    const directory = await fleet.adder(n, `round ${round}`);
    await until('it is in the registry', () =>
      asked(controls[0], ['push', directory, '--model', 'adder']).then(
        () => true,
        () => false,
      ),
    );
    adds.set(String(round + 1), n);
  }

  async function killAndRestart(kind: (typeof VICTIMS)[number], control: FleetProcess): Promise<void> {
    if (kind === 'nats') {
      await fleet.nats.kill();
      await fleet.nats.restart();
      return;
    }
    const process = kind === 'node' ? victim : control;
    await process.kill();
    await process.start();
  }
});

async function taken(controls: readonly FleetProcess[], version: number): Promise<boolean> {
  for (const control of controls) {
    const done = await asked(control, ['deploy', `adder@${version}`, '--wait', '0']).then(
      () => true,
      () => false,
    );
    if (done) return true;
  }
  return false;
}

async function converged(control: FleetProcess, version: number): Promise<boolean> {
  const text = await asked(control, ['deployments']).catch(() => '');
  return new RegExp(`adder +${version} +\\d+ +converged +2 of 2`).test(text);
}
