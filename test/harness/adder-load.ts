import type { FleetProcess } from './fleet.js';

const BODY = JSON.stringify({ inputs: [{ name: 'INPUT', datatype: 'FP32', shape: [1, 2], data: [10, 20] }] });

interface Answer {
  readonly model_version: string;
  readonly outputs: readonly { readonly data: readonly number[] }[];
}

/** Asks a node without a pause for a model whose version n adds n, and keeps what was wrong. */
export class AdderLoad {
  readonly failures: string[] = [];
  readonly versions = new Map<string, number>();
  readonly #lines: Promise<void>[];
  #stopped = false;

  /** `adds`: what each version adds. */
  constructor(node: FleetProcess, model: string, adds: ReadonlyMap<string, number>, lines = 4) {
    this.#lines = Array.from({ length: lines }, () => this.#line(node, model, adds));
  }

  get answered(): number {
    return [...this.versions.values()].reduce((sum, count) => sum + count, 0);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#lines);
  }

  async #line(node: FleetProcess, model: string, adds: ReadonlyMap<string, number>): Promise<void> {
    while (!this.#stopped) {
      try {
        const response = await fetch(`${node.url}/v2/models/${model}/infer`, { method: 'POST', body: BODY });
        const text = await response.text();
        if (!response.ok) {
          this.failures.push(`${response.status} ${text}`);
          continue;
        }
        const answer: Answer = JSON.parse(text);
        const { model_version: version } = answer;
        const added = answer.outputs[0].data[0] - 10;
        if (added !== adds.get(version)) this.failures.push(`version ${version} added ${added}`);
        this.versions.set(version, (this.versions.get(version) ?? 0) + 1);
      } catch (error) {
        this.failures.push(String(error));
      }
    }
  }
}
