import { Worker } from 'node:worker_threads';
import type { MultivariateAnswers, MultivariateQuestion } from './multivariate-methods.js';

/** Threads at a time: questions are few and take seconds, and the machine has other work. */
const MOST_THREADS = 2;

const waiting: (() => void)[] = [];
let running = 0;

/** Computes in a thread of its own, so that other requests are answered meanwhile; behind two others it waits its turn. */
export async function inThread(question: MultivariateQuestion): Promise<MultivariateAnswers> {
  if (running >= MOST_THREADS) await new Promise<void>((resolve) => waiting.push(resolve));
  else running++;
  try {
    return await answered(question);
  } finally {
    // Whoever waits takes over the place: it is never free in between, for a third to take.
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  }
}

function answered(question: MultivariateQuestion): Promise<MultivariateAnswers> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./multivariate-thread.js', import.meta.url), {
      workerData: question,
      name: 'tidegate-multivariate',
    });
    worker.once('message', resolve);
    worker.once('error', reject);
    // After an answer this changes nothing any more.
    worker.once('exit', (code) => reject(new Error(`the thread that compares all features ended with ${code}`)));
  });
}
