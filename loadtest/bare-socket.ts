import { createRequire } from 'node:module';
import { z } from 'zod';

/**
 * The socket's own limit, as a process of its own: uWebSockets.js reads the same JSON and answers a constant, without inference.
 * Prints its port.
 */
interface Response {
  onAborted(handler: () => void): void;
  onData(handler: (chunk: ArrayBuffer, last: boolean) => void): void;
  cork(work: () => void): void;
  writeHeader(name: string, value: string): Response;
  end(body: string): void;
}

interface Library {
  App(): {
    post(
      path: string,
      handler: (response: Response) => void,
    ): { listen(host: string, port: number, done: (socket: unknown) => void): void };
  };
  us_socket_local_port(socket: unknown): number;
}

const RequestSchema = z.object({ inputs: z.array(z.object({ data: z.array(z.number()) })) });

const uws: Library = createRequire(import.meta.url)('uWebSockets.js');
const app = uws.App().post('/v2/models/small/infer', (response) => {
  const chunks: Buffer[] = [];
  response.onAborted(() => chunks.splice(0));
  response.onData((chunk, last) => {
    chunks.push(Buffer.from(chunk.slice(0)));
    if (!last) return;
    const parsed: unknown = JSON.parse(Buffer.concat(chunks).toString());
    const first = RequestSchema.safeParse(parsed).success ? 1 : 0;
    const output = {
      name: 'output',
      datatype: 'FP32',
      shape: [1, 3],
      data: [0.30144688, 0.31743747, 0.38111562 + first * 1e-9],
    };
    response.cork(() => {
      response
        .writeHeader('content-type', 'application/json')
        .end(JSON.stringify({ model_name: 'small', outputs: [output] }));
    });
  });
});
app.listen('127.0.0.1', 0, (socket) => process.stdout.write(`${uws.us_socket_local_port(socket)}\n`));
