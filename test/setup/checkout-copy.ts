import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout that these tests were compiled from: they run from `<output>/test/setup`. */
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

const DEMO_SCRIPT = `import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { MODEL } from './model.js';
const target = process.argv[2] ?? '';
mkdirSync(target + '/models/demo/1', { recursive: true });
writeFileSync(target + '/models/demo/1/model.onnx', MODEL);
writeFileSync(target + '/models/demo/model.yaml', 'description: ' + MODEL);
appendFileSync('made.log', MODEL + '\\n');
`;

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A small project of the checkout's shape, with its real set-up scripts and its real compiler, in a directory of its own. */
export class CheckoutCopy {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async create(): Promise<CheckoutCopy> {
    const copy = new CheckoutCopy(await mkdtemp(join(tmpdir(), 'tidegate-setup-')));
    await cp(join(ROOT, 'deploy'), join(copy.directory, 'deploy'), { recursive: true });
    await copy.write('package.json', '{ "name": "copy", "version": "1.0.0", "type": "module" }');
    await copy.lock({});
    await copy.installed({});
    await copy.write('tsconfig.json', TSCONFIG);
    await copy.write('contract/limits.ts', 'export const LIMIT: number = 1;\n');
    await copy.write('contract/old.ts', 'export const OLD: number = 1;\n');
    await copy.write('examples/demo.ts', DEMO_SCRIPT);
    await copy.write('examples/model.ts', `export const MODEL: string = 'first';\n`);
    await mkdir(copy.path('node_modules'), { recursive: true });
    for (const name of ['typescript', '@typescript', '@types']) {
      await symlink(join(ROOT, 'node_modules', name), copy.path(`node_modules/${name}`), 'junction');
    }
    return copy;
  }

  path(relative: string): string {
    return join(this.directory, relative);
  }

  async write(relative: string, text: string): Promise<void> {
    await mkdir(dirname(this.path(relative)), { recursive: true });
    await writeFile(this.path(relative), text);
  }

  async lock(packages: Readonly<Record<string, unknown>>): Promise<void> {
    const root = { '': { name: 'copy', version: '1.0.0' } };
    const text = JSON.stringify({
      name: 'copy',
      version: '1.0.0',
      lockfileVersion: 3,
      packages: { ...root, ...packages },
    });
    await this.write('package-lock.json', text);
  }

  /** What npm notes about what it installed. */
  async installed(packages: Readonly<Record<string, unknown>>): Promise<void> {
    await this.write('node_modules/.package-lock.json', JSON.stringify({ lockfileVersion: 3, packages }));
  }

  setUp(task: string, env: NodeJS.ProcessEnv = {}): Promise<Ended> {
    return this.run([this.path('deploy/setup.mjs'), task], env);
  }

  /** Runs a piece of a module against the set-up's parts: `import … from './deploy/setup/…'` works in it. */
  async evaluate(code: string): Promise<Ended> {
    await this.write('piece.mjs', code);
    return this.run([this.path('piece.mjs')], {});
  }

  run(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ended> {
    return new Promise((resolve, reject) => {
      const { TIDEGATE_DATA_DIR: _dropped, ...inherited } = process.env;
      const child = spawn(process.execPath, args, { cwd: this.directory, env: { ...inherited, ...env } });
      let stdout = '';
      let stderr = '';
      child.stdout.on('data', (chunk: Buffer) => {
        stdout += chunk.toString();
      });
      child.stderr.on('data', (chunk: Buffer) => {
        stderr += chunk.toString();
      });
      child.once('error', reject);
      child.once('close', (code) => resolve({ code, stdout, stderr }));
    });
  }

  async remove(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }
}

const TSCONFIG = `{
  "compilerOptions": {
    "target": "es2023", "module": "nodenext", "moduleResolution": "nodenext", "types": ["node"], "strict": true,
    "rootDir": ".", "outDir": "dist", "declaration": true, "sourceMap": true,
    // A comment, as in the real one.
    "incremental": true, "tsBuildInfoFile": "dist/.tsbuildinfo", "skipLibCheck": true
  },
  "include": ["contract", "examples"],
  "exclude": ["node_modules", "dist"]
}`;
