import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { replayView } from '../../examples/flights/replay-view.js';
import { Scoreboard } from '../../examples/flights/scoreboard.js';
import { SpeechTally, speechView } from '../../examples/speech/speech-view.js';
import { Latencies } from '../../examples/terminal/latencies.js';
import { Rate } from '../../examples/terminal/rate.js';
import { Screen, type View } from '../../examples/terminal/screen.js';

class Output {
  readonly isTTY: boolean;
  readonly columns: number;
  text = '';

  constructor(isTTY: boolean, columns: number) {
    this.isTTY = isTTY;
    this.columns = columns;
  }

  write(text: string): boolean {
    this.text += text;
    return true;
  }
}

const view = (...block: string[]): View => ({ block, line: block.join(' | ') });

test('a terminal is drawn in place, lines cut to its width, and its cursor comes back', () => {
  const output = new Output(true, 6);
  const screen = new Screen(output);
  screen.show(view('one', 'longer than that'), 0);
  screen.show(view('two'), 1);
  screen.end(view('end'));
  const frames = [
    '\x1b[?25l\x1b[2Kone\n\x1b[2Klonge\n\x1b[0J',
    '\x1b[2A\x1b[2Ktwo\n\x1b[0J',
    '\x1b[1A\x1b[2Kend\n\x1b[0J',
  ];
  assert.equal(output.text, `${frames.join('')}\x1b[?25h`);
});

test('a file or a pipe gets a line a second, and the last state whatever the time', () => {
  const output = new Output(false, 80);
  const screen = new Screen(output);
  for (const now_ms of [0, 400, 999, 1000, 1500]) screen.show(view(`at ${now_ms}`, 'more'), now_ms);
  screen.end(view('the end'));
  assert.equal(output.text, 'at 0 | more\nat 1000 | more\nthe end\n');
});

test('percentiles are those of the nearest rank', () => {
  const durations = fc.array(fc.nat(1000), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(durations, fc.integer({ min: 1, max: 100 }), (all, percent) => {
      const latencies = new Latencies();
      for (const one of all) latencies.add(one);
      const [found] = latencies.percentiles(percent / 100);
      const atMost = all.filter((one) => one <= found).length;
      const below = all.filter((one) => one < found).length;
      assert.ok(atMost >= (percent / 100) * all.length - 1e-9 && below < (percent / 100) * all.length + 1e-9);
    }),
  );
  assert.deepEqual(new Latencies().percentiles(0.5, 0.99), [0, 0]);
});

test('a rate looks back two seconds and no further', () => {
  const rate = new Rate();
  assert.equal(rate.perSecond(1000, 100), 100);
  assert.equal(rate.perSecond(2000, 200), 100);
  assert.equal(rate.perSecond(3000, 700), 300);
  assert.equal(rate.perSecond(10_000, 700), 0);
});

test('a scoreboard tells how many of the flagged flights were late, and how many late ones were flagged', () => {
  const board = new Scoreboard();
  const flights = [
    { score: 0.9, delay_min: 40 },
    { score: 0.5, delay_min: 15 },
    { score: 0.1, delay_min: 16 },
    { score: 0.2, delay_min: -5 },
  ];
  for (const { score, delay_min } of flights) {
    const scored = { score, flight: { minute: 605, distance_mi: 100, origin: 0, destination: 1, delay_min } };
    board.onScore(scored, 2);
    board.onLanding(scored);
  }
  assert.deepEqual([board.late, board.flagged, board.hitRate, board.found], [2, 2, 0.5, 0.5]);
  const moment = { day: 'today', minute: 605, speed: 10, total: 4, inFlight: 0, lag_min: 0, per_second: 1 };
  const { block, line } = replayView({ ...moment, airports: ['AAA', 'BBB'] }, board);
  assert.match(block.join('\n'), /Flights of today, 10:05, 10 times real speed.*AAA → BBB/s);
  assert.match(line, /hit rate 50\.0 % of 2, found 50\.0 % of 2/);
});

test('a stream that has heard half of its sound fills half of its line', () => {
  const tally = new SpeechTally();
  const probabilities = Array.from({ length: 50 }, () => 0.9);
  for (const probability of probabilities) tally.onFrame(probability, 1);
  const moment = { listeners: [{ first: 0, probabilities }], tally, per_second: 50, frames: 100, columns: 64 };
  const { block, line } = speechView(moment);
  assert.match(block.at(-1) ?? '', / {2}█{20}$/);
  assert.match(line, /heard 50\/100 .* speech 100\.0 %/);
});
