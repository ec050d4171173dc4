import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { TidegateError } from '../../contract/error.js';
import type { ModelSignature } from '../../contract/signature.js';
import { ARTEFACT_NAMES, formatOf } from './artefact.js';
import { externalBytes, type KnownShapes, readOnnxFile } from './onnx-file.js';
import { readSavedModel } from './saved-model-file.js';
import { readTfjsFile } from './tfjs-file.js';

/** What the files of a version tell without loading them. */
export interface ModelFile {
  readonly signature: ModelSignature;
  /** Of all of its files. */
  readonly bytes: number;
}

/** Reads the signature of a model of any kind. `signature`: which one, where a file has several. Throws a TidegateError that says what is wrong, and what to do. */
export function readModelFile(artefact: string, shapes: KnownShapes, signature = ''): ModelFile {
  switch (formatOf(artefact)) {
    case 'onnx': {
      refuseUnknownKind(artefact);
      const file = readOnnxFile(artefact, shapes);
      return { signature: file.signature, bytes: file.bytes + externalBytes(artefact, file.external) };
    }
    case 'tensorflowjs':
      return readTfjsFile(artefact, shapes);
    case 'saved-model':
      return readSavedModel(artefact, shapes, signature);
  }
}

/** Files are there, none of them a model: that is another mistake than an empty directory, and deserves its own words. */
function refuseUnknownKind(artefact: string): void {
  const files = filesBeside(artefact);
  if (files.length === 0 || files.some((name) => name.endsWith('.onnx'))) return;
  throw new TidegateError(
    'MODEL_LOAD_FAILED',
    `${dirname(artefact)} holds ${files.slice(0, 5).join(', ')}, and no model of a known kind: a version is ${ARTEFACT_NAMES.join(', ')}`,
  );
}

function filesBeside(artefact: string): string[] {
  try {
    return readdirSync(dirname(artefact)).sort();
  } catch {
    // The artefact cannot be read either then: its reader names the reason.
    return [];
  }
}
