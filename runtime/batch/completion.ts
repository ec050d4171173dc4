import { TidegateError } from '../../contract/error.js';
import type { InferReply, StageTimes } from '../../contract/inference.js';
import { now_us } from '../../std/clock.js';
import type { Observer } from '../observe/observer.js';
import type { VersionLog } from '../predict-log/version-log.js';
import { JOB, STATUS, TIME } from '../worker/job-ring.js';
import type { Link } from '../worker/link.js';
import type { Backlog } from './backlog.js';
import type { Batch } from './batch.js';
import type { Entry } from './entry.js';
import { settle } from './fair-share.js';
import { BatchResult } from './result.js';

/** How fast the average of a batch's time follows: the last eight count most. */
const AVERAGE_OVER = 8;

/** Reads the result of `batch` from a thread's slot and answers everyone in it. Returns the time that the thread spent, in microseconds. */
export function completeBatch(batch: Batch, link: Link, slot: number, backlog: Backlog, observer: Observer): number {
  const { queue } = batch;
  const job = link.ring.slots[slot];
  if (job[JOB.STATUS] === STATUS.LOST) {
    loseBatch(batch, Buffer.from(link.outputs[slot].u8.subarray(0, job[JOB.ERROR_BYTES])).toString(), backlog);
    return 0;
  }
  if (job[JOB.STATUS] !== STATUS.OK) {
    const text = Buffer.from(link.outputs[slot].u8.subarray(0, job[JOB.ERROR_BYTES])).toString();
    failBatch(batch, `model '${queue.version.model}' failed: ${text}`, backlog);
    return 0;
  }
  const result = new BatchResult(job, link.outputs[slot], queue.plan, queue.plan.max_batch > 0 ? batch.rows : 0);
  if (result.contradiction !== undefined) {
    failBatch(batch, `model '${queue.version.model}': ${result.contradiction}`, backlog);
    return 0;
  }
  const times = link.ring.times[slot];
  const compute_input_us = times[TIME.COMPUTE_INPUT];
  const compute_infer_us = times[TIME.COMPUTE_INFER];
  const compute_output_us = times[TIME.COMPUTE_OUTPUT];
  const real_us = compute_input_us + compute_infer_us + compute_output_us;
  settle(queue, batch.expected_us, real_us, queue.version.manifest.share);
  queue.batch_us += (real_us - queue.batch_us) / AVERAGE_OVER;
  const stages = { queue_us: 0, compute_input_us, compute_infer_us, compute_output_us };
  observer.executed(queue.version, batch.rows, batch.entries.length, stages);
  answerAll(batch, result, stages, backlog, observer);
  return real_us;
}

/** An answer that may go out, and the number of its record; -1: it has none. */
interface Answer {
  readonly entry: Entry;
  readonly reply: Draft;
  readonly seq: number;
}

type Draft = { -readonly [Key in keyof InferReply]: InferReply[Key] };

/** Records are written before any of the answers leaves: what a caller was told was logged is in the file, whatever happens next. */
function answerAll(batch: Batch, result: BatchResult, stages: StageTimes, backlog: Backlog, observer: Observer): void {
  const { version, versionText, plan, log } = batch.queue;
  const compute_us = stages.compute_input_us + stages.compute_infer_us + stages.compute_output_us;
  const done_us = now_us();
  const answers: Answer[] = [];
  const mark = log?.mark ?? 0;
  for (const entry of batch.entries) {
    const outputs = result.take(entry.rows);
    entry.sequence?.advance();
    if (entry.waiter === undefined) {
      backlog.end(entry);
      continue;
    }
    const { face, arrived_us, note, rows } = entry;
    const total_us = done_us - arrived_us;
    const queue_us = Math.max(0, batch.started_us - entry.admitted_us);
    const times = { ...stages, queue_us };
    observer.succeeded(version, face, rows, total_us, times);
    let seq = -1;
    if (log !== undefined && note?.answer === true) {
      const captured = { memory: result.memory, tensors: outputs, rows };
      const spent = { queue_us, compute_us, total_us };
      seq = log.answered(
        { note, face, arrived_us, variant: batch.queue.variant },
        backlog.inputsOf(entry),
        captured,
        spent,
      );
    }
    const reply: Draft = {
      model: version.model,
      version: versionText,
      outputs,
      labels: version.manifest.labels,
      times,
      batch_rows: batch.rows,
      batched: plan.max_batch > 0,
      logged: undefined,
    };
    answers.push({ entry, reply, seq });
  }
  if (log === undefined) {
    for (const { entry, reply } of answers) send(entry, reply, backlog);
    return;
  }
  sendLogged(answers, log, log.flush(mark), backlog);
}

function sendLogged(answers: readonly Answer[], log: VersionLog, written: boolean, backlog: Backlog): void {
  const held: Answer[] = [];
  for (const { entry, reply, seq } of answers) {
    if (seq < 0 || !written) send(entry, reply, backlog);
    else if (log.holds) held.push({ entry, reply: ownReply(reply), seq });
    else sendTold(entry, reply, seq, log, backlog);
  }
  if (held.length === 0) return;
  for (const { entry } of held) entry.phase = 'answered';
  // Held answers keep their places and their memory: so a slow disk is felt as a full queue, and nothing piles up behind it.
  void log.synced().then((synced) => {
    for (const { entry, reply, seq } of held) {
      if (synced) sendTold(entry, reply, seq, log, backlog);
      else send(entry, reply, backlog);
    }
  });
}

function send(entry: Entry, reply: InferReply, backlog: Backlog): void {
  const { waiter } = entry;
  entry.waiter = undefined;
  waiter?.answered(reply);
  backlog.answered(entry);
}

function sendTold(entry: Entry, reply: Draft, seq: number, log: VersionLog, backlog: Backlog): void {
  const { note } = entry;
  reply.logged = { token: log.token(seq), request_id: note?.is_new_id === true ? note.id : '' };
  send(entry, reply, backlog);
}

/** The worker's memory is used again as soon as the batch is done. */
function ownReply(reply: InferReply): Draft {
  return { ...reply, outputs: reply.outputs.map((output) => ({ ...output, bytes: Uint8Array.from(output.bytes) })) };
}

/** Whatever ran it is gone. Nobody's values are to blame, and who sends again finds another one. */
function loseBatch(batch: Batch, reason: string, backlog: Backlog): void {
  settle(batch.queue, batch.expected_us, 0, batch.queue.version.manifest.share);
  const text = `what ran this request was lost (${reason}); the request may be sent again`;
  const error = new TidegateError('WORKER_LOST', text, { retry_after_ms: 100 });
  for (const entry of batch.entries) backlog.fail(entry, error);
}

/** One caller's values may have failed the run: everyone gets another one alone, and only who fails there is told. */
function failBatch(batch: Batch, message: string, backlog: Backlog): void {
  settle(batch.queue, batch.expected_us, 0, batch.queue.version.manifest.share);
  const [first] = batch.entries;
  if (batch.entries.length === 1) backlog.fail(first, new TidegateError('BACKEND_FAILED', message));
  else for (const entry of batch.entries) backlog.retryAlone(entry);
}
