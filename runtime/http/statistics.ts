import type { HttpExchange, ReplyHeaders } from '../socket/face.js';
import type { HttpDependencies } from './dependencies.js';
import { replyJson } from './problem.js';

const METRICS_HEADERS: ReplyHeaders = [['content-type', 'text/plain; version=0.0.4; charset=utf-8']];

export function replyStatistics(exchange: HttpExchange, deps: HttpDependencies, model: string, version: string): void {
  if (model === '') {
    replyJson(exchange, deps.statistics());
    return;
  }
  // So that an unknown model or version is refused in the same words everywhere.
  deps.catalog.describe(model, version);
  replyJson(exchange, version === '' ? deps.statistics(model) : deps.statistics(model, version));
}

export function replyMetrics(exchange: HttpExchange, deps: HttpDependencies): void {
  exchange.reply(200, METRICS_HEADERS, deps.metrics());
}
