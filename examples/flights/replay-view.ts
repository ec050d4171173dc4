import type { View } from '../terminal/screen.js';
import { sparkline } from '../terminal/sparkline.js';
import type { Scoreboard, ScoredFlight } from './scoreboard.js';
import { FLAGGED_FROM } from './scoreboard.js';

export interface ReplayMoment {
  readonly day: string;
  readonly minute: number;
  readonly speed: number;
  readonly total: number;
  readonly inFlight: number;
  readonly lag_min: number;
  readonly per_second: number;
  readonly airports: readonly string[];
}

const BAR = 24;

export function replayView(moment: ReplayMoment, board: Scoreboard): View {
  const { p50, p99 } = board.latency_ms();
  const done = (board.scored + board.failed) / Math.max(moment.total, 1);
  const pace = moment.speed > 0 ? `${moment.speed} times real speed` : 'as fast as it goes';
  const hits = `flagged (score from ${FLAGGED_FROM}) ${whole(board.flagged)}, of these late ${percent(board.hitRate)}`;
  return {
    block: [
      `Flights of ${moment.day}, ${clock(moment.minute)}, ${pace}`,
      `scored   ${bar(done)} ${whole(board.scored)} of ${whole(moment.total)}, ${whole(moment.inFlight)} under way, ${whole(board.failed)} failed`,
      `rate     ${whole(moment.per_second)} flights/s${moment.lag_min >= 1 ? `, ${whole(moment.lag_min)} min behind` : ''}`,
      `latency  p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`,
      `landed   ${whole(board.landed)}, late ${percent(board.late / Math.max(board.landed, 1))}`,
      `hit rate ${hits}; found ${percent(board.found)} of the late ones`,
      `scores   0 ${histogram(board.scoreBins)} 1`,
      ...(board.lastFailure === '' ? [] : [`failure  ${board.lastFailure}`]),
      '',
      ...board.latest.map((scored) => latestLine(scored, moment.airports)),
    ],
    line:
      `${moment.day} ${clock(moment.minute)} scored ${board.scored}/${moment.total} rate ${whole(moment.per_second)}/s ` +
      `p50 ${p50.toFixed(2)} ms p99 ${p99.toFixed(2)} ms failed ${board.failed} landed ${board.landed} ` +
      `hit rate ${percent(board.hitRate)} of ${board.flagged}, found ${percent(board.found)} of ${board.late}`,
  };
}

function latestLine({ flight, score }: ScoredFlight, airports: readonly string[]): string {
  const route = `${airports[flight.origin]} → ${airports[flight.destination]}`;
  return `  ${clock(flight.minute)}  ${route}  ${String(flight.distance_mi).padStart(4)} mi  ${score.toFixed(2)} ${bar(score)}`;
}

function bar(share: number): string {
  const filled = Math.round(Math.min(Math.max(share, 0), 1) * BAR);
  return '█'.repeat(filled) + '░'.repeat(BAR - filled);
}

function histogram(bins: readonly number[]): string {
  const highest = Math.max(...bins, 1);
  return sparkline(
    bins.map((count) => count / highest),
    bins.length,
  );
}

/** The time of day of a minute since the start of the data. */
function clock(minute: number): string {
  const inDay = Math.floor(minute) % 1440;
  return `${String(Math.floor(inDay / 60)).padStart(2, '0')}:${String(inDay % 60).padStart(2, '0')}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
