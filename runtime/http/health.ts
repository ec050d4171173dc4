import type { HttpExchange } from '../socket/face.js';
import type { HttpDependencies } from './dependencies.js';
import { replyJsonText } from './problem.js';

const JSON_HEADERS = [['content-type', 'application/json']] as const;

// Triton answers with an empty body, at which its clients do not look; KServe's read this JSON.
export function replyLive(exchange: HttpExchange): void {
  replyJsonText(exchange, '{"live":true}');
}

/** Not ready is 400, as Triton has it: load balancers look for 200. */
export function replyReady(exchange: HttpExchange, { ready }: HttpDependencies): void {
  if (ready()) replyJsonText(exchange, '{"ready":true}');
  else exchange.reply(400, JSON_HEADERS, '{"ready":false,"error":"the server is not ready","code":"MODEL_NOT_READY"}');
}

export function replyModelReady(
  exchange: HttpExchange,
  { catalog }: HttpDependencies,
  model: string,
  version: string,
): void {
  if (catalog.ready(model, version)) {
    replyJsonText(exchange, `{"name":${JSON.stringify(model)},"ready":true}`);
  } else {
    exchange.reply(400, JSON_HEADERS, '{"ready":false,"error":"Model version not ready","code":"MODEL_NOT_READY"}');
  }
}
