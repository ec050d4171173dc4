/** Threads of one run, and the sentence for people why. */
export interface ThreadChoice {
  readonly threads: number;
  readonly reason: string;
}

export interface ThreadQuestion {
  /** What the manifest says; undefined: nothing. */
  readonly wanted: number | undefined;
  /** Batches that run at a time on this node, over all models. */
  readonly workers: number;
  /** Batches of this model that run at a time. */
  readonly instances: number;
  readonly bytes: number;
  readonly device: string;
}

/** The runs of a smaller model are over before a second thread has begun. */
const LEAST_BYTES = 8 * 1024 * 1024;

/** Batches side by side beat threads within a batch: only workers that no instance of the model can use are worth having in one. */
export function chooseThreads({ wanted, workers, instances, bytes, device }: ThreadQuestion): ThreadChoice {
  if (wanted !== undefined) return { threads: wanted, reason: 'threads in the manifest' };
  if (device !== 'cpu') return { threads: 1, reason: `it runs on ${device}, which the CPU only feeds` };
  if (bytes < LEAST_BYTES)
    return { threads: 1, reason: `a run of a model of ${megabytes(bytes)} is over before a second thread has begun` };
  const threads = Math.max(1, Math.floor(workers / instances));
  if (threads === 1)
    return {
      threads,
      reason: `${instances} batches of it run side by side, which leaves none of ${workers} workers idle`,
    };
  return { threads, reason: `${instances} of ${workers} workers hold it: each has the time of ${threads}` };
}

function megabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
