import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { binaryFrame, type Recorder, rig } from './rig.js';

const FILE = fileURLToPath(new URL('../../../docs/websocket.md', import.meta.url));

interface Transcript {
  readonly title: string;
  readonly limits: Readonly<Record<string, number>>;
  readonly lines: readonly string[];
}

/** Blocks fenced as `transcript`, with limits behind the word; their title is the heading above. */
function transcripts(markdown: string): Transcript[] {
  const found: Transcript[] = [];
  let title = '';
  let block: string[] | undefined;
  for (const line of markdown.split('\n')) {
    if (block === undefined && line.startsWith('#')) title = line.replace(/^#+ /, '');
    else if (line.startsWith('```transcript')) {
      block = [];
      const limits = [...line.matchAll(/(\w+)=(\d+)/g)].map(([, name, value]): [string, number] => [
        name,
        Number(value),
      ]);
      found.push({ title, limits: Object.fromEntries(limits), lines: block });
    } else if (line.startsWith('```')) block = undefined;
    else block?.push(line);
  }
  return found;
}

/** A binary frame is written as `[length of its JSON] JSON + the tensors in hexadecimal`. */
function say(client: Recorder, line: string): void {
  const binary = /^\[(\d+)\] (.*) \+ ([0-9a-f]*)$/.exec(line);
  if (binary === null) {
    client.sayText(line);
    return;
  }
  const [, length, json, tensors] = binary;
  assert.equal(Buffer.byteLength(json), Number(length), 'the length of the JSON');
  client.sayBytes(binaryFrame(JSON.parse(json), Buffer.from(tensors, 'hex')), true);
}

function written(frame: string | Uint8Array): string {
  if (typeof frame === 'string') return frame;
  const bytes = Buffer.from(frame);
  const length = bytes.readUInt32LE(0);
  return `[${length}] ${bytes.toString('utf8', 4, 4 + length)} + ${bytes.toString('hex', 4 + length)}`;
}

const found = transcripts(readFileSync(FILE, 'utf8'));

test('docs/websocket.md has transcripts', () => {
  assert.ok(found.length >= 6, `${found.length} found`);
});

for (const { title, limits, lines } of found) {
  test(`the transcript in docs/websocket.md under "${title}" is what the server says`, () => {
    const { client, inference } = rig(limits);
    const heard: string[] = [];
    const expected: string[] = [];
    for (const line of lines) {
      if (line.startsWith('> ')) {
        say(client, line.slice(2));
      } else if (line.startsWith('< ')) {
        // Messages run when the transcript turns to the server.
        inference.answerAll();
        expected.push(line.slice(2));
      }
    }
    for (const frame of client.frames) heard.push(written(frame));
    assert.deepEqual(heard, expected);
  });
}
