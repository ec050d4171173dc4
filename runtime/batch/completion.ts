import { TidegateError } from '../../contract/error.js';
import type { StageTimes } from '../../contract/inference.js';
import { now_us } from '../../std/clock.js';
import type { Observer } from '../observe/observer.js';
import { JOB, STATUS, TIME } from '../worker/job-ring.js';
import type { Link } from '../worker/link.js';
import type { Backlog } from './backlog.js';
import type { Batch } from './batch.js';
import { settle } from './fair-share.js';
import { BatchResult } from './result.js';

/** How fast the average of a batch's time follows: the last eight count most. */
const AVERAGE_OVER = 8;

/** Reads the result of `batch` from a thread's slot and answers everyone in it. Returns the time that the thread spent, in microseconds. */
export function completeBatch(batch: Batch, link: Link, slot: number, backlog: Backlog, observer: Observer): number {
  const { queue } = batch;
  const job = link.ring.slots[slot];
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

function answerAll(batch: Batch, result: BatchResult, stages: StageTimes, backlog: Backlog, observer: Observer): void {
  const { queue, rows } = batch;
  const { version, versionText, plan } = queue;
  const batched = plan.max_batch > 0;
  const done_us = now_us();
  for (const entry of batch.entries) {
    const outputs = result.take(entry.rows);
    const { waiter } = entry;
    entry.waiter = undefined;
    entry.sequence?.advance();
    if (waiter !== undefined) {
      const times = {
        queue_us: Math.max(0, batch.started_us - entry.admitted_us),
        compute_input_us: stages.compute_input_us,
        compute_infer_us: stages.compute_infer_us,
        compute_output_us: stages.compute_output_us,
      };
      observer.succeeded(version, entry.face, entry.rows, done_us - entry.arrived_us, times);
      const { labels } = version.manifest;
      waiter.answered({
        model: version.model,
        version: versionText,
        outputs,
        labels,
        times,
        batch_rows: rows,
        batched,
      });
    }
    backlog.end(entry);
  }
}

/** One caller's values may have failed the run: everyone gets another one alone, and only who fails there is told. */
function failBatch(batch: Batch, message: string, backlog: Backlog): void {
  settle(batch.queue, batch.expected_us, 0, batch.queue.version.manifest.share);
  const [first] = batch.entries;
  if (batch.entries.length === 1) backlog.fail(first, new TidegateError('BACKEND_FAILED', message));
  else for (const entry of batch.entries) backlog.retryAlone(entry);
}
