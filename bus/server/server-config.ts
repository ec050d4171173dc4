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
  /** This server is itself a leaf of that one. */
  readonly remote?: { readonly url: string; readonly credentials_file: string };
}

/** Desired states and reports are small; an artefact travels in pieces of 128 KiB. */
const MAX_PAYLOAD_BYTES = 8 * 1024 * 1024;

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
    // What was acknowledged is on the disk: the registry and the desired state are nowhere else.
    jetstream: { store_dir: plan.store_directory, sync_interval: 'always', ...domainOf(plan) },
    ...(plan.users.length === 0 ? {} : { authorization: { users: plan.users.map(userOf) } }),
    ...(plan.tls === undefined ? {} : { tls: { cert_file: plan.tls.cert_file, key_file: plan.tls.key_file } }),
    ...leafNodes(plan),
  };
  return `${JSON.stringify(settings, undefined, 2)}\n`;
}

/** A leaf keeps its own streams: without a name of its own it would answer for those of the hub. */
function domainOf({ name, remote }: ServerPlan): { readonly domain?: string } {
  return remote === undefined ? {} : { domain: name };
}

function userOf({ nkey, permissions }: BusUser): object {
  if (permissions === undefined) return { nkey };
  const { publish, subscribe } = permissions;
  return { nkey, permissions: { publish: { allow: publish }, subscribe: { allow: subscribe } } };
}

function leafNodes({ leaf_port, remote, host }: ServerPlan): object {
  if (leaf_port === undefined && remote === undefined) return {};
  return {
    leafnodes: {
      ...(leaf_port === undefined ? {} : { host, port: leaf_port === 0 ? -1 : leaf_port }),
      ...(remote === undefined ? {} : { remotes: [{ url: remote.url, credentials: remote.credentials_file }] }),
    },
  };
}
