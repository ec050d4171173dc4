import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createContext, runInContext } from 'node:vm';
import { REFERENCE_PAGE } from '../../../control-plane/api/reference-page.js';
import { appRig } from './app-rig.js';

/** As much of an element as the page's script uses. */
class Element {
  readonly children: Element[] = [];
  readonly dataset: Record<string, string> = {};
  readonly listeners = new Map<string, (event: unknown) => void>();
  readonly name: string;
  textContent = '';
  className = '';
  hidden = false;

  constructor(name: string) {
    this.name = name;
  }

  append(child: Element): void {
    this.children.push(child);
  }

  addEventListener(kind: string, heard: (event: unknown) => void): void {
    this.listeners.set(kind, heard);
  }

  querySelectorAll(name: string): Element[] {
    return this.children.flatMap((child) => [...(child.name === name ? [child] : []), ...child.querySelectorAll(name)]);
  }

  querySelector(query: string): Element | null {
    const [name, rest] = query.split(':');
    return this.querySelectorAll(name).find((each) => rest === undefined || !each.hidden) ?? null;
  }
}

async function shown(answer: Response) {
  const elements = new Map([
    ['routes', new Element('main')],
    ['find', new Element('input')],
  ]);
  const document = {
    getElementById: (id: string) => elements.get(id),
    createElement: (name: string) => new Element(name),
  };
  const [, script = ''] = /<script>([\s\S]*)<\/script>/.exec(REFERENCE_PAGE) ?? [];
  runInContext(script, createContext({ document, fetch: () => Promise.resolve(answer) }));
  const main = elements.get('routes') ?? assert.fail();
  while (main.children.length === 0) await nextTurn();
  await nextTurn();
  return { main, find: elements.get('find') ?? assert.fail() };
}

test('the page draws every operation of the document, and finds them by path and word', async (t) => {
  const { app } = appRig(t);
  const document = JSON.parse(await (await app.request('/openapi.json')).text());
  const operations = Object.values<object>(document.paths).flatMap((verbs) => Object.keys(verbs));
  const { main, find } = await shown(Response.json(document));
  const boxes = main.querySelectorAll('details');
  assert.equal(boxes.length, operations.length);
  assert.ok(
    boxes.every((box) => box.querySelector('table') !== null),
    'each says how it answers',
  );
  find.listeners.get('input')?.({ target: { value: 'TOKENS/{id}' } });
  assert.deepEqual(
    boxes.filter(({ hidden }) => !hidden).map(({ dataset }) => dataset['text']),
    ['delete /v1/tokens/{id} revoke a token'],
  );
  assert.equal(main.children.filter(({ hidden }) => !hidden).length, 1, 'groups without a hit are hidden');
});

test('a description that cannot be read is told on the page', async () => {
  const { main } = await shown(new Response('', { status: 503 }));
  assert.match(main.children[0].textContent, /could not be read: \/openapi.json was answered 503/);
});
