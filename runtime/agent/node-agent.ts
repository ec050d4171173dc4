import { type DesiredState, type Labels, versionsFor } from '../../contract/desired-state.js';
import type { ModelLoad, NodeStatus, ObservedModel } from '../../contract/node-status.js';
import { KeptStates } from './kept-states.js';
import { ModelAgent } from './model-agent.js';
import type { AgentPorts } from './ports.js';

export interface NodeAgentOptions {
  readonly name: string;
  readonly labels: Labels;
  /** Where the last state that it knew is kept. */
  readonly directory: string;
  readonly memory_bytes: number;
  /** Counts starts of the node, so that reports of an earlier life are recognised. */
  readonly life: number;
  readonly tick_ms: number;
  readonly ports: AgentPorts;
  /** What its versions had to do lately; absent: nobody counts. */
  readonly load?: () => readonly ModelLoad[];
}

/** The agent of a node: one machine for each model. It needs nobody to start: what it knew last is on its own disk. */
export class NodeAgent {
  readonly #options: NodeAgentOptions;
  readonly #kept: KeptStates;
  readonly #models = new Map<string, ModelAgent>();
  readonly #ticks: NodeJS.Timeout;
  #seq = 0;

  static async start(options: NodeAgentOptions): Promise<NodeAgent> {
    const kept = new KeptStates(options.directory);
    const { states, problems } = await kept.readAll();
    const { log } = options.ports;
    for (const { model, reason } of problems) {
      log.error({ model, reason }, `what was known of model ${model} cannot be read: it waits for the control plane`);
    }
    const agent = new NodeAgent(options, kept);
    for (const [model, state] of states) {
      agent.#models.set(model, new ModelAgent(model, state, options.ports, kept));
      log.info({ model, epoch: state.epoch }, `model ${model} begins with epoch ${state.epoch}, from this node's disk`);
    }
    return agent;
  }

  private constructor(options: NodeAgentOptions, kept: KeptStates) {
    this.#options = options;
    this.#kept = kept;
    this.#ticks = setInterval(() => {
      for (const model of this.#models.values()) model.tell({ type: 'tick' });
    }, options.tick_ms);
  }

  /** A desired state as it came, in whatever order and however often. */
  hear(model: string, state: DesiredState): void {
    const { name, labels, ports } = this.#options;
    const versions = versionsFor(state, { name, labels });
    let agent = this.#models.get(model);
    if (agent === undefined) {
      // A model that was never meant for this node is none of its business.
      if (versions.length === 0) return;
      agent = new ModelAgent(model, undefined, ports, this.#kept);
      this.#models.set(model, agent);
    }
    agent.tell({ type: 'desired', epoch: state.epoch, versions });
  }

  /** A version that was ready cannot answer any more. */
  lost(model: string, digest: string, reason: string): void {
    this.#models.get(model)?.tell({ type: 'lost', digest, reason });
  }

  /** All that it knows of itself: each call is a newer report than the one before. */
  status(at_us: number): NodeStatus {
    const { name, labels, life, memory_bytes } = this.#options;
    const agents = [...this.#models];
    return {
      v: 1,
      node: name,
      life,
      seq: this.#seq++,
      at_us,
      labels: { ...labels },
      memory_bytes,
      memory_used_bytes: agents.reduce((sum, [, agent]) => sum + agent.memory_bytes, 0),
      models: Object.fromEntries(agents.map(([model, agent]) => [model, agent.observed])),
      load: [...(this.#options.load?.() ?? [])],
    };
  }

  /** Each model by name, as it is at this moment. */
  observed(): readonly (readonly [model: string, observed: ObservedModel])[] {
    return [...this.#models].map(([model, agent]) => [model, agent.observed]);
  }

  async close(): Promise<void> {
    clearInterval(this.#ticks);
    await Promise.all([...this.#models.values()].map((agent) => agent.close()));
  }
}
