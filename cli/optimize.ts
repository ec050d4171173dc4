import { type Command, Option } from 'commander';
import { backendsFolder } from '../std/backends-folder.js';
import { ratio } from './convert.js';
import type { OptimizeMode } from './model-tools/optimize-model.js';
import { addSettings, configOf } from './settings.js';

/** `tidegate optimize`: a smaller or faster form of an ONNX model, kept only where it answers alike. */
export function addOptimize(program: Command): void {
  const about = 'write an optimised, FP16 or INT8 form of an ONNX model, and say what it costs and what it brings';
  addSettings(program.command('optimize').description(about).argument('<model>', 'the ONNX file'))
    .requiredOption('--output <file>', 'the ONNX file to write')
    .addOption(
      new Option(
        '--mode <mode>',
        'graph: fused operators; fp16: half the size; int8: a quarter, with --rows for the ranges',
      )
        .choices(['graph', 'fp16', 'int8'])
        .default('graph'),
    )
    .option('--rows <file>', 'requests to calibrate with and to compare on, one JSON document a line', '')
    .option(
      '--tolerance <ratio>',
      'how far outputs may be apart, as a part of their largest value; default: by mode',
      ratio,
    )
    .option('--python <program>', 'Python 3.10 or newer, for the virtual environment of fp16 and int8', 'python3')
    .addHelpText(
      'after',
      '\nExample:\n  tidegate optimize models/mine/1/model.onnx --mode int8 --rows requests.jsonl --output models/mine/2/model.onnx',
    )
    .action(async (source: string, options: OptimizeOptions, command: Command) => {
      const { config } = configOf(command, process.env);
      const { optimizeModel, TOLERANCES } = await import('./model-tools/optimize-model.js');
      const tolerance = options.tolerance ?? TOLERANCES[options.mode];
      const backends_dir = backendsFolder(config);
      await optimizeModel({ ...options, source, tolerance, backends_dir, say: (line) => console.log(line) });
    });
}

interface OptimizeOptions {
  readonly output: string;
  readonly mode: OptimizeMode;
  readonly rows: string;
  readonly tolerance?: number;
  readonly python: string;
}
