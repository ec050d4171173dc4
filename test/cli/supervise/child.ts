import { announceReady, whenOrphaned } from '../../../std/supervised.js';

// A supervised process for the tests: `fail` ends before it is ready; else it says so and waits.
if (process.argv[2] === 'fail') process.exit(3);
process.on('SIGTERM', () => {
  if (process.argv[2] !== 'stubborn') process.exit(0);
});
whenOrphaned(() => process.exit(0));
announceReady(`pid:${process.pid}`);
setInterval(() => undefined, 1000);
