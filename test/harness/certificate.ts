import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cleanup } from './checkout.js';

export interface TestCertificate {
  readonly cert_file: string;
  readonly key_file: string;
  /** A key of another kind, which does not belong to it. */
  readonly other_key_file: string;
}

/** A certificate for 127.0.0.1 that signs itself, gone behind the test. */
export function testCertificate(t: Cleanup): TestCertificate {
  const directory = mkdtempSync(join(tmpdir(), 'tidegate-certificate-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const [cert_file, key_file, other_key_file] = ['cert', 'key', 'other'].map((name) => join(directory, `${name}.pem`));
  const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync('openssl', [...made, ...subject, '-keyout', key_file, '-out', cert_file], { stdio: 'ignore' });
  execFileSync('openssl', ['genpkey', '-algorithm', 'ed25519', '-out', other_key_file], { stdio: 'ignore' });
  return { cert_file, key_file, other_key_file };
}
