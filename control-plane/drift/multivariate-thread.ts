import { parentPort, workerData } from 'node:worker_threads';
import { runThreadInBackground } from '../../std/background.js';
import { type MultivariateQuestion, multivariateAnswers } from './multivariate-methods.js';

const question: MultivariateQuestion = workerData;
runThreadInBackground();
parentPort?.postMessage(multivariateAnswers(question));
