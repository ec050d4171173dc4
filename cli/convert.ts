import { type Command, InvalidArgumentError } from 'commander';
import { backendsFolder } from '../std/backends-folder.js';
import { addSettings, configOf } from './settings.js';

const OPSET = 17;
/** TensorFlow and ONNX Runtime add in other orders. */
const TOLERANCE = 1e-4;

/** `tidegate convert`: a model of TensorFlow as ONNX, kept only where it answers alike. */
export function addConvert(program: Command): void {
  const about = 'convert a SavedModel or a Keras model to ONNX, and compare the two before it is kept';
  addSettings(
    program
      .command('convert')
      .description(about)
      .argument('<source>', 'directory of a SavedModel, or a .keras or .h5 file'),
  )
    .requiredOption('--output <file>', 'the ONNX file to write, such as models/NAME/1/model.onnx')
    .option('--signature <name>', 'of a SavedModel; default: serving_default, or the only one', '')
    .option('--no-batch', 'the first dimension is no batch, even where it is open everywhere')
    .option('--opset <number>', 'version of ONNX operators', wholeNumber, OPSET)
    .option('--tolerance <ratio>', 'how far outputs may be apart, as a part of their largest value', ratio, TOLERANCE)
    .option('--python <program>', 'Python 3.10 to 3.13, for the virtual environment', 'python3')
    .addHelpText('after', '\nExample:\n  tidegate convert ./saved_model --output models/mine/1/model.onnx')
    .action(async (source: string, options: ConvertOptions, command: Command) => {
      const { config } = configOf(command, process.env);
      const { convertModel } = await import('./model-tools/convert-model.js');
      await convertModel({
        ...options,
        source,
        backends_dir: backendsFolder(config),
        say: (line) => console.log(line),
      });
    });
}

interface ConvertOptions {
  readonly output: string;
  readonly signature: string;
  readonly opset: number;
  readonly batch: boolean;
  readonly tolerance: number;
  readonly python: string;
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d?$/.test(text)) throw new InvalidArgumentError('a whole number from 1 to 99');
  return Number(text);
}

export function ratio(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0)) throw new InvalidArgumentError('a number from 0, such as 0.01');
  return value;
}
