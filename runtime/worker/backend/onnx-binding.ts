import { createRequire } from 'node:module';
import { join } from 'node:path';
import { env, Tensor } from 'onnxruntime-common';

/**
 * ONNX Runtime's native session, called synchronously.
 *
 * The package's public `run()` puts every run behind a `setImmediate` of its own; here a thread has nothing else to do, so the detour costs
 * 5 µs a batch for nothing, and the thread could not block on its job ring. The module reached into is the one that the public
 * API itself calls; the version is pinned exactly, and the tests fail if its shape changes.
 */
export interface NativeSession {
  loadModel(path: string, options: object): void;
  loadModel(buffer: ArrayBufferLike, offset: number, length: number, options: object): void;
  readonly inputMetadata: readonly { readonly name: string }[];
  readonly outputMetadata: readonly { readonly name: string }[];
  run(feeds: Record<string, Tensor>, fetches: Record<string, Tensor | null>, options: object): Record<string, Tensor>;
  dispose(): void;
}

interface BindingModule {
  readonly initOrt: () => void;
  readonly binding: { readonly InferenceSession: new () => NativeSession };
}

function isBindingModule(value: unknown): value is BindingModule {
  if (typeof value !== 'object' || value === null || !('initOrt' in value) || !('binding' in value)) return false;
  const { initOrt, binding } = value;
  return (
    typeof initOrt === 'function' &&
    typeof binding === 'object' &&
    binding !== null &&
    'InferenceSession' in binding &&
    typeof binding.InferenceSession === 'function'
  );
}

let bindingModule: BindingModule | undefined;

/** `home`: a folder with an `onnxruntime-node` of its own, whose providers lie beside its library; '': the installed one. One for each process. */
export function newNativeSession(home = ''): NativeSession {
  if (bindingModule === undefined) {
    const from = home === '' ? import.meta.url : join(home, 'package.json');
    const loaded: unknown = createRequire(from)('onnxruntime-node/dist/binding');
    if (!isBindingModule(loaded)) {
      throw new Error(
        'onnxruntime-node has another inside than the version that Tidegate is pinned to: install the locked version',
      );
    }
    bindingModule = loaded;
  }
  // What fails is thrown, and told to whoever asked; on stderr it would be told twice.
  env.logLevel = 'fatal';
  bindingModule.initOrt();
  return new bindingModule.binding.InferenceSession();
}

export { Tensor };
