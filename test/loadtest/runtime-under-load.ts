import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeBenchModels } from '../../loadtest/bench-models.js';
import { startRuntime } from '../../loadtest/started-runtime.js';

export interface RunningRuntime {
  readonly port: number;
  close(): Promise<void>;
}

/** A node in a process of its own, with the models of the benchmarks. */
export async function startRuntimeProcess(): Promise<RunningRuntime> {
  const directory = await mkdtemp(join(tmpdir(), 'tidegate-load-'));
  await writeBenchModels(directory);
  const runtime = await startRuntime(directory);
  return {
    port: runtime.port,
    close: async () => {
      await runtime.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
