import { GRAPH, MODEL, NODE } from './onnx-format.js';
import { type ByteSource, FileSource, WireReader } from './protobuf.js';

/**
 * Operators that do as much work as the values say that they get, not as the shapes of the inputs say: they repeat, choose a branch, or
 * make a tensor of a size that is itself a value.
 */
const BY_VALUE: ReadonlySet<string> = new Set([
  ...['Loop', 'Scan', 'If', 'SequenceMap', 'BeamSearch', 'GreedySearch', 'Sampling', 'WhisperBeamSearch'],
  ...['Range', 'ConstantOfShape', 'Expand', 'Tile', 'Pad', 'CenterCropPad', 'Resize', 'Upsample'],
  ...['NonZero', 'NonMaxSuppression', 'Compress', 'Unique', 'StringSplit', 'SplitToSequence'],
  ...['OneHot', 'Multinomial', 'DFT', 'STFT', 'HannWindow', 'HammingWindow', 'BlackmanWindow', 'MelWeightMatrix'],
]);

/**
 * Whether a run of the model in this file may take longer for some values than for others of the same shape, so that measuring one run
 * says nothing about the next. A cautious reading: it also says so of models that could be trusted. Throws what `FileSource` throws.
 */
export function runningTimeDependsOnValues(path: string): boolean {
  const source = new FileSource(path);
  try {
    return hasOperatorByValue(source);
  } finally {
    source.close();
  }
}

function hasOperatorByValue(source: ByteSource): boolean {
  const model = new WireReader(source);
  while (model.next()) {
    // What a function of the model's own does is not looked into.
    if (model.field === MODEL.functions) return true;
    if (model.field !== MODEL.graph) continue;
    const graph = model.message();
    while (graph.next()) {
      if (graph.field === GRAPH.node && BY_VALUE.has(operatorOf(graph.message()))) return true;
    }
  }
  return false;
}

function operatorOf(node: WireReader): string {
  while (node.next()) if (node.field === NODE.op_type) return node.text();
  return '';
}
