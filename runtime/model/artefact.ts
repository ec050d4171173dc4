import { basename } from 'node:path';

/** What kind of file a version is: it decides who reads its signature, and which backend runs it. */
export type ArtefactFormat = 'onnx' | 'tensorflowjs' | 'saved-model';

const FORMAT_OF: ReadonlyMap<string, ArtefactFormat> = new Map([
  ['model.onnx', 'onnx'],
  ['model.json', 'tensorflowjs'],
  ['saved_model.pb', 'saved-model'],
]);

/** The names of artefacts; of several in one directory the first one is the model. */
export const ARTEFACT_NAMES: readonly string[] = [...FORMAT_OF.keys()];

/**
 * The name of the artefact among the files of a version. Where there is none, `model.onnx`: whoever reads it will say what is
 * missing.
 */
export function artefactAmong(files: readonly string[]): string {
  return ARTEFACT_NAMES.find((name) => files.includes(name)) ?? 'model.onnx';
}

/** A file of any other name is taken for ONNX, whose reader says what is wrong with it. */
export function formatOf(artefact: string): ArtefactFormat {
  return FORMAT_OF.get(basename(artefact)) ?? 'onnx';
}

interface FormatNames {
  /** Triton's name where it has one, by which its clients know a platform. */
  readonly platform: string;
  readonly backend: string;
}

export const FORMAT_NAMES: Readonly<Record<ArtefactFormat, FormatNames>> = {
  onnx: { platform: 'onnxruntime_onnx', backend: 'onnxruntime' },
  tensorflowjs: { platform: 'tensorflow_js', backend: 'tensorflowjs' },
  'saved-model': { platform: 'tensorflow_savedmodel', backend: 'tensorflow' },
};
