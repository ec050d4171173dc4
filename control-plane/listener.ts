import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { TidegateError } from '../contract/error.js';
import { type Certificate, certificateOf } from '../std/certificate.js';
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

/** The certificate that the settings name; undefined: none. Throws INVALID_CONFIG for one that cannot be used. */
export function controlCertificate({ control_cert_file, control_key_file }: ListenSettings): Certificate | undefined {
  return certificateOf({
    cert_setting: 'control_cert_file',
    cert_file: control_cert_file,
    key_setting: 'control_key_file',
    key_file: control_key_file,
  });
}

export function createListener(certificate: Certificate | undefined, handler: RequestListener): Server | TlsServer {
  return certificate === undefined
    ? createServer(handler)
    : createTlsServer({ ...certificate, minVersion: 'TLSv1.2' }, handler);
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
