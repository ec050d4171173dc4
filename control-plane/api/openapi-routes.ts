import { createHash } from 'node:crypto';
import { Hono } from 'hono';
import { described } from './described.js';
import { openApiOf } from './openapi.js';
import { REFERENCE_PAGE } from './reference-page.js';

/** Only the page's own script and style run, and it may ask nobody but its own host: nothing that a text brings along does anything. */
function policyOf(page: string): string {
  const own = (tag: string) => {
    const [, text = ''] = new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(page) ?? [];
    return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  };
  return `default-src 'none'; connect-src 'self'; script-src ${own('script')}; style-src ${own('style')}; base-uri 'none'; frame-ancestors 'none'`;
}

const POLICY = policyOf(REFERENCE_PAGE);

/** `/openapi.json` and `/docs`: what the API is, for programs and for people. `whole` is the app that has all routes. */
export function openApiRoutes(whole: Hono, version: string): Hono {
  const app = new Hono();
  let text: string | undefined;
  const document = described({
    summary: 'Describe this API',
    tag: 'Reference',
    role: 'anyone',
    answers: { 200: { description: 'OpenAPI 3.1', types: ['application/json'] } },
  });
  app.get('/openapi.json', document, (context) => {
    // Made when it is first asked for: by then every route is there.
    text ??= JSON.stringify(openApiOf(whole, version));
    return context.body(text, 200, { 'content-type': 'application/json' });
  });
  const page = described({
    summary: 'Show the reference for people',
    tag: 'Reference',
    role: 'anyone',
    answers: { 200: { description: 'A page', types: ['text/html'] } },
  });
  app.get('/docs', page, (context) => {
    context.header('content-security-policy', POLICY);
    context.header('x-content-type-options', 'nosniff');
    return context.html(REFERENCE_PAGE);
  });
  return app;
}
