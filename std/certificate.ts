import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { TidegateError } from '../contract/error.js';

/** What a listener speaks TLS with, as PEM. */
export interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Two settings of one listener. */
export interface CertificateSettings {
  readonly cert_setting: string;
  readonly cert_file: string;
  readonly key_setting: string;
  readonly key_file: string;
}

/** The certificate that the settings name; undefined: none. Throws INVALID_CONFIG for one that cannot be used. */
export function certificateOf(settings: CertificateSettings): Certificate | undefined {
  const { cert_setting, cert_file, key_setting, key_file } = settings;
  if (cert_file === '' && key_file === '') return undefined;
  if (cert_file === '' || key_file === '') {
    const missing = cert_file === '' ? cert_setting : key_setting;
    throw new TidegateError('INVALID_CONFIG', `${missing} is not set: TLS takes a certificate and its key`);
  }
  const cert = pem(cert_setting, cert_file);
  const key = pem(key_setting, key_file);
  try {
    createSecureContext({ cert, key });
    // OpenSSL takes a key of another kind without a word, and fails at every handshake.
    if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) {
      throw new Error('the key does not belong to the certificate');
    }
    return { cert, key };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TidegateError('INVALID_CONFIG', `${cert_file} and ${key_file} cannot be used for TLS: ${why}`, { cause });
  }
}

function pem(setting: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TidegateError('INVALID_CONFIG', `${setting} names ${path}, which cannot be read: ${why}`, { cause });
  }
}
