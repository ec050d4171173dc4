import type { Command } from 'commander';
import { backendsFolder } from '../std/backends-folder.js';
import { addSettings, configOf } from './settings.js';

/** `tidegate setup …`: parts that most machines do without, laid out where nodes look for them. */
export function addSetup(program: Command): void {
  const setup = program.command('setup').description('lay out the libraries of GPUs and of TensorFlow');
  addSettings(setup.command('cuda').description("ONNX Runtime's CUDA provider with CUDA 13 and cuDNN 9 (1.6 GB)"))
    .option('--python <program>', 'Python whose pip downloads', 'python3')
    .addHelpText('after', '\nExample:\n  tidegate setup cuda')
    .action(async (_options, command: Command) => {
      const { setupCuda } = await import('./setup/cuda.js');
      await setupCuda({ ...placeOf(command), say });
    });
  addSettings(
    setup
      .command('tensorflow')
      .description('tfjs-node, built against TensorFlow 2.21, for SavedModels (274 MB to download)'),
  )
    .option('--gpu', 'with CUDA 12, beside the one for the CPU (3.3 GB to download)', false)
    .option('--python <program>', 'Python whose pip downloads', 'python3')
    .addHelpText('after', '\nExample:\n  tidegate setup tensorflow')
    .action(async (_options, command: Command) => {
      const { setupTensorflow } = await import('./setup/tensorflow.js');
      const gpu: unknown = command.opts()['gpu'];
      await setupTensorflow({ ...placeOf(command), gpu: gpu === true, say });
    });
}

function placeOf(command: Command): { readonly backends_dir: string; readonly python: string } {
  const { config } = configOf(command, process.env);
  const python: unknown = command.opts()['python'];
  return { backends_dir: backendsFolder(config), python: typeof python === 'string' ? python : 'python3' };
}

function say(line: string): void {
  console.log(line);
}
