import { writeSync } from 'node:fs';
import { append, openSpool, recordOf } from './spool-rig.js';

/**
 * A process that appends until it is killed: appender.js DIRECTORY FIRST. After each flush it writes the number of the last record that is
 * in the file; a record of one in sixteen turns is larger than the others.
 */
const [, , directory, first] = process.argv;
const { spool } = openSpool(directory, { spool_bytes: 1024 * 1024 * 1024 });
let seq = Number(first);

function turn(): void {
  const count = 1 + (seq % 7);
  for (let each = 0; each < count; each++, seq++) append(spool, recordOf(seq, seq % 16 === 0 ? 100_000 : 300));
  if (spool.flush()) writeSync(1, `${seq - 1}\n`);
  setImmediate(turn);
}
turn();
