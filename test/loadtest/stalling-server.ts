import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface StallingServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Answers at once, but for one stall: it begins with a certain request, and all that come meanwhile wait for its end. */
export async function stallingServer(stalls_at: number, stall_ms: number): Promise<StallingServer> {
  let seen = 0;
  let stalling = false;
  const held: (() => void)[] = [];
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => {
      const answer = () => void response.writeHead(200, { 'content-length': 2 }).end('{}');
      seen++;
      if (seen === stalls_at) {
        stalling = true;
        setTimeout(() => {
          stalling = false;
          for (const late of held.splice(0)) late();
        }, stall_ms);
      }
      if (stalling) held.push(answer);
      else answer();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
