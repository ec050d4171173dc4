// Runs in a project that has installed the packed package: predicts with the client that the package exports. node consumer.mjs URL
import { TidegateClient } from 'tidegate/client';

const client = new TidegateClient(process.argv[2]);
const { inputs } = await client.metadata('iris');
const features = inputs[0].shape.at(-1);
const row = { shape: [1, features], data: new Float32Array(features).fill(1) };
const overHttp = await client.infer('iris', { [inputs[0].name]: row });
const connection = await client.connect();
const stream = await connection.openStream('iris');
const overWebSocket = await stream.infer({ [inputs[0].name]: row });
await connection.close();
process.stdout.write(`${Object.keys(overHttp.outputs).join()} ${Object.keys(overWebSocket.outputs).join()}\n`);
