/** What one user of the server may do: subjects, `>` and `*` as NATS reads them. */
export interface BusPermissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

export interface BusUser {
  /** Public key, `U…`: the seed never reaches the server. */
  readonly nkey: string;
  /** undefined: everything. */
  readonly permissions?: BusPermissions;
}

export interface ServerPlan {
  readonly name: string;
  readonly host: string;
  /** 0: one that the system gives. */
  readonly port: number;
  readonly store_directory: string;
  /** Where it writes which ports it listens on, and its process number. */
  readonly state_directory: string;
  /** None: whoever reaches it may do everything. */
  readonly users: readonly BusUser[];
  readonly tls?: { readonly cert_file: string; readonly key_file: string };
  /** Leaf nodes connect to this port; undefined: none may. */
  readonly leaf_port?: number;
  /**
   * This server is the leaf of a hub, for a site: it keeps nothing itself, and hands what it is asked to the hub. Its nodes need one line for all of them,
   * and none while they only serve.
   */
  readonly hub?: { readonly url: string; readonly seed: string };
}

/** Desired states and reports are small; an artefact travels in pieces of 128 KiB. */
const MAX_PAYLOAD_BYTES = 8 * 1024 * 1024;

/** Where everybody is who is in no account of their own. */
const ACCOUNT = '$G';

/** The configuration of nats-server, in its own language, of which JSON is a part. */
export function serverConfig(plan: ServerPlan): string {
  const settings = {
    server_name: plan.name,
    host: plan.host,
    // −1 is its way to say: whichever is free.
    port: plan.port === 0 ? -1 : plan.port,
    ports_file_dir: plan.state_directory,
    pid_file: `${plan.state_directory}/pid`,
    max_payload: MAX_PAYLOAD_BYTES,
    // What was acknowledged is on the disk: the registry and the desired state are nowhere else. A leaf has none: what it would keep is the hub's.
    ...(plan.hub === undefined ? { jetstream: { store_dir: plan.store_directory, sync_interval: 'always' } } : {}),
    ...(plan.users.length === 0 ? {} : { authorization: { users: plan.users.map(userOf) } }),
    ...(plan.tls === undefined ? {} : { tls: { cert_file: plan.tls.cert_file, key_file: plan.tls.key_file } }),
    ...leafNodes(plan),
  };
  return `${JSON.stringify(settings, undefined, 2)}\n`;
}

function userOf({ nkey, permissions }: BusUser): object {
  if (permissions === undefined) return { nkey };
  const { publish, subscribe } = permissions;
  return { nkey, permissions: { publish: { allow: publish }, subscribe: { allow: subscribe } } };
}

function leafNodes({ leaf_port, hub, host }: ServerPlan): object {
  if (leaf_port === undefined && hub === undefined) return {};
  return {
    // JetStream of the hub answers questions that come over the line; without this both servers keep them to themselves.
    default_js_domain: { [ACCOUNT]: '' },
    leafnodes: {
      ...(leaf_port === undefined ? {} : { host, port: leaf_port === 0 ? -1 : leaf_port }),
      ...(hub === undefined ? {} : { remotes: [{ url: hub.url, nkey: hub.seed }] }),
    },
  };
}
