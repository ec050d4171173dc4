import { SupervisedProcess } from '../../../cli/supervise/supervised-process.js';

// Supervises the script it is given, and tells its process id: the test kills this process.
const child = new SupervisedProcess({
  name: 'child',
  program: process.argv[2] ?? '',
  args: [],
  env: {},
  stop_timeout_ms: 1000,
  onDeath: () => undefined,
  onRestarted: () => undefined,
});
await child.start();
process.send?.(child.pid);
