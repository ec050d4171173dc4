import { unlinkSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Session } from 'chdb';

/**
 * The real engine behind the little of ClickHouse's HTTP interface that the runtime speaks, for tests that kill it: engine-server.js
 * DIRECTORY PORT. One statement at a time.
 */
const [, , directory, wantedPort] = process.argv;
const session = new Session(join(directory, 'data'));
const OWN = new Set(['query', 'query_id', 'wait_end_of_query', 'date_time_input_format', 'default_format', 'role']);
let bodies = 0;
let last: Promise<unknown> = Promise.resolve();

class Refused extends Error {}

async function bytesOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  if (!request.complete) throw new Refused('Code: 33. DB::Exception: the body was cut. (CANNOT_READ_ALL_DATA)');
  return Buffer.concat(chunks);
}

function statementOf(query: string, given: URLSearchParams, file: string | undefined): string {
  let text = query;
  const settings: string[] = [];
  for (const [name, value] of given) {
    if (name.startsWith('param_')) {
      const literal = (_: string, type: string) => (type === 'String' ? `'${value}'` : value);
      text = text.replace(new RegExp(`\\{${name.slice('param_'.length)}:\\s*(\\w+)\\}`, 'g'), literal);
    } else if (!OWN.has(name)) settings.push(`${name} = '${value}'`);
  }
  const insert = /^(\s*INSERT[\s\S]*?)(?:SETTINGS([\s\S]*?))?FORMAT\s+(\w+)\s*$/i.exec(text);
  if (insert === null || file === undefined) return text;
  const [, head, own, format] = insert;
  const all = [...(own === undefined ? [] : [own]), ...settings].join(', ');
  return `${head} ${all === '' ? '' : `SETTINGS ${all}`} SELECT * FROM file('${file}', ${format})`;
}

async function execute(url: URL, body: Buffer): Promise<Buffer> {
  const inUrl = url.searchParams.get('query');
  const file = inUrl === null || body.length === 0 ? undefined : join(directory, `body-${bodies++}`);
  if (file !== undefined) writeFileSync(file, body);
  try {
    const statement = statementOf(inUrl ?? body.toString('utf8'), url.searchParams, file);
    const format = /FORMAT\s+(\w+)\s*$/i.exec(statement)?.[1] ?? 'TabSeparated';
    return Buffer.from((await session.queryAsync(statement, { format })).text());
  } finally {
    if (file !== undefined) unlinkSync(file);
  }
}

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const turn = async () => {
    try {
      const answer = await execute(url, await bytesOf(request));
      response.writeHead(200).end(answer);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const code = /Code: (\d+)/.exec(message)?.[1] ?? '1002';
      response.writeHead(500, { 'x-clickhouse-exception-code': code }).end(message);
    }
  };
  last = last.then(turn);
});

server.listen(Number(wantedPort), '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`listening on ${port}\n`);
});
