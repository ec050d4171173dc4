import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { createSecureContext } from 'node:tls';
import { TidegateError } from '../contract/error.js';
import { listenError } from '../std/port-holder.js';
import type { Config } from '../std/settings.js';
import { isLoopback } from './access/own-page.js';
import { isUsable } from './access/token.js';
import type { TokenStore } from './access/token-store.js';

type ListenSettings = Pick<
  Config,
  'control_host' | 'control_port' | 'control_tokens' | 'control_cert_file' | 'control_key_file' | 'data_dir'
>;

/** Whether requests without a token are answered. Throws INVALID_CONFIG where others reach the listener and nobody could come in. */
export async function isOpenListener(config: ListenSettings, tokens: TokenStore, now_ms: number): Promise<boolean> {
  const { control_host, control_tokens, data_dir } = config;
  const isLocal = isLoopback(control_host);
  if (isLocal && control_tokens === 'auto') return true;
  if ((await tokens.list()).some((token) => token.role === 'admin' && isUsable(token, now_ms))) return false;
  const why = isLocal ? 'control_tokens is required' : `other machines reach ${control_host}`;
  throw new TidegateError(
    'INVALID_CONFIG',
    `${why}, and there is no token of an admin to come in with: make one (tidegate token create --name NAME --role admin --data-dir ${data_dir}), or listen on 127.0.0.1 (--control-host)`,
  );
}

export interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** The certificate that the settings name; undefined: none. Throws INVALID_CONFIG for one that cannot be used. */
export function certificateOf({ control_cert_file, control_key_file }: ListenSettings): Certificate | undefined {
  if (control_cert_file === '' && control_key_file === '') return undefined;
  if (control_cert_file === '' || control_key_file === '') {
    const missing = control_cert_file === '' ? 'control_cert_file' : 'control_key_file';
    throw new TidegateError('INVALID_CONFIG', `${missing} is not set: TLS takes a certificate and its key`);
  }
  const cert = pem('control_cert_file', control_cert_file);
  const key = pem('control_key_file', control_key_file);
  try {
    createSecureContext({ cert, key });
    // OpenSSL takes a key of another kind without a word, and fails at every handshake.
    if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) {
      throw new Error('the key does not belong to the certificate');
    }
    return { cert, key };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TidegateError(
      'INVALID_CONFIG',
      `${control_cert_file} and ${control_key_file} cannot be used for TLS: ${why}`,
      { cause },
    );
  }
}

export function createListener(certificate: Certificate | undefined, handler: RequestListener): Server | TlsServer {
  return certificate === undefined
    ? createServer(handler)
    : createTlsServer({ ...certificate, minVersion: 'TLSv1.2' }, handler);
}

function pem(setting: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TidegateError('INVALID_CONFIG', `${setting} names ${path}, which cannot be read: ${why}`, { cause });
  }
}

/** Resolves when it listens. Throws INVALID_CONFIG where it cannot. */
export function listen(
  server: Server | TlsServer,
  { control_host: host, control_port: port }: ListenSettings,
): Promise<void> {
  const address = { host, port, port_setting: '--control-port or TIDEGATE_CONTROL_PORT' };
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => listenError(address, cause).then(reject, reject));
    server.listen(port, host, resolve);
  });
}
