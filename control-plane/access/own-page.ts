import { TidegateError } from '../../contract/error.js';

const OWN_HOSTS: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost', '[::1]']);

/**
 * Where no token is asked for, a page in a browser on this machine could reach the API as well as its owner. A page of another site sends its origin, and
 * one whose name was rebound to this machine sends that name as Host: neither is let in. Throws FORBIDDEN.
 */
export function refuseForeignPages(host: string | undefined, origin: string | undefined): void {
  const named = (host ?? '').replace(/:\d+$/, '').toLowerCase();
  if (!OWN_HOSTS.has(named)) {
    throw new TidegateError(
      'FORBIDDEN',
      `the request is for the host '${host ?? ''}': without a token only 127.0.0.1, localhost and [::1] are answered`,
    );
  }
  if (origin === undefined || (URL.canParse(origin) && new URL(origin).host === host?.toLowerCase())) return;
  throw new TidegateError(
    'FORBIDDEN',
    `the request comes from a page of ${origin}: without a token pages of other sites are refused`,
  );
}

/** Whether only this machine reaches a listener on `host`. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}
