import { mkdir, open, readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { NameSchema } from '../../contract/desired-state.js';
import { type KeptState, KeptStateSchema } from '../../contract/node-status.js';
import { readPayload } from '../../contract/payload.js';

const SUFFIX = '.json';

export interface KeptModels {
  readonly states: ReadonlyMap<string, KeptState>;
  /** Files that could not be read, and why: their models begin anew with what the control plane says. */
  readonly problems: readonly { readonly model: string; readonly reason: string }[];
}

/** What a node knows of each model, one file a model. A file is always whole: the old one or the new one, whenever the power goes. */
export class KeptStates {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async readAll(): Promise<KeptModels> {
    await mkdir(this.#directory, { recursive: true });
    const states = new Map<string, KeptState>();
    const problems: { readonly model: string; readonly reason: string }[] = [];
    for (const file of (await readdir(this.#directory)).sort()) {
      const path = join(this.#directory, file);
      const model = file.slice(0, -SUFFIX.length);
      if (!file.endsWith(SUFFIX) || !NameSchema.safeParse(model).success) continue;
      try {
        states.set(model, readPayload(`the kept state ${path}`, KeptStateSchema, await readFile(path, 'utf8')));
      } catch (thrown) {
        problems.push({ model, reason: thrown instanceof Error ? thrown.message : String(thrown) });
      }
    }
    return { states, problems };
  }

  /** Resolves when it is on the disk, not only on its way there: the agent acts on an epoch only then. */
  async write(model: string, state: KeptState): Promise<void> {
    const path = join(this.#directory, `${NameSchema.parse(model)}${SUFFIX}`);
    const draft = `${path}.new`;
    const file = await open(draft, 'w');
    try {
      await file.writeFile(JSON.stringify(state));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
    await this.#syncDirectory();
  }

  /** The name of a file is content of its folder. Windows cannot open a folder, and needs no such thing. */
  async #syncDirectory(): Promise<void> {
    if (process.platform === 'win32') return;
    const folder = await open(this.#directory, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }
}
