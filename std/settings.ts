import { availableParallelism, hostname } from 'node:os';
import { z } from 'zod';
import { NameSchema } from '../contract/desired-state.js';
import { LimitsSchema } from '../contract/limits.js';
import { LOG_LEVELS } from './log.js';

const count = z.int().positive();
const micros = z.int().nonnegative();

/** Everything that can be configured of the processes of one machine, each with its default and what it means. */
export const ConfigSchema = z.strictObject({
  models: z.string().default('models').describe('folder of models: DIR/<model>/<version>/model.onnx'),
  host: z.string().min(1).default('127.0.0.1').describe('address to listen on'),
  port: z.int().min(0).max(65_535).default(8080).describe('port to listen on; 0: one that the system gives'),
  socket: z
    .enum(['net', 'uws', 'node'])
    .default('net')
    .describe('net: HTTP of our own on node:net; uws: uWebSockets.js; node: node:http'),
  tls_cert_file: z
    .string()
    .default('')
    .describe('certificate (PEM, with its chain) of the runtime, by the socket net; without it HTTP without TLS'),
  tls_key_file: z.string().default('').describe('private key (PEM) of that certificate'),
  workers: count
    .default(() => Math.max(1, availableParallelism() - 1))
    .describe('batches that run at a time; default: one less than there are cores'),
  max_threads: count.default(64).describe('worker threads there may be; beyond it models share threads'),
  inline_us: micros
    .default(100)
    .describe('models whose full batch runs within this time run on the socket thread; 0: none does'),
  spin_us: micros.default(0).describe('how long an idle worker thread looks for work before it sleeps'),
  poll_us: micros.default(50).describe('how long the socket thread looks for results before it sleeps'),
  model_poll_ms: z
    .int()
    .nonnegative()
    .default(1000)
    .describe('how often the folder of models is looked at for changes; 0: never'),
  cors_origins: z
    .string()
    .default('')
    .describe('origins whose pages may call this node from a browser, separated by commas; *: any'),
  server_name: z.string().min(1).default('tidegate').describe('name in GET /v2; some clients want triton'),
  node_name: z
    .string()
    .min(1)
    .default(() => hostname())
    .describe('name of this node in logs; default: the host name'),
  backends_dir: z
    .string()
    .default('')
    .describe('where tidegate setup lays out the libraries of GPUs and TensorFlow; default: backends in data_dir'),
  data_dir: z.string().min(1).default('.tidegate').describe('where this node keeps what it makes'),
  log_level: z.enum(LOG_LEVELS).default('info').describe('least severe level that is logged'),
  log_format: z
    .enum(['auto', 'json', 'pretty'])
    .default('auto')
    .describe('auto: for people on a terminal, JSON lines elsewhere'),
  log_requests: z.boolean().default(false).describe('log a line for every HTTP inference request'),
  prediction_log: z
    .enum(['auto', 'on', 'off'])
    .default('auto')
    .describe('log predictions to the spool; auto: where a ClickHouse is named that keeps them'),
  log_spool_bytes: z
    .int()
    .min(1024 * 1024)
    .max(2 ** 40)
    .default(1024 * 1024 * 1024)
    .describe('most bytes of predictions that wait on disk to be shipped'),
  log_overflow: z
    .enum(['drop_newest', 'drop_oldest', 'refuse'])
    .default('drop_oldest')
    .describe('what happens when that many wait: new or old records are dropped, or requests are refused'),
  log_fsync: z
    .enum(['each', 'interval', 'never'])
    .default('interval')
    .describe('when the log is forced to the disk: before each answer, every log_fsync_ms, or when the system likes'),
  log_fsync_ms: z
    .int()
    .min(1)
    .max(60_000)
    .default(100)
    .describe('what a loss of power may cost with log_fsync interval'),
  log_hash_key: z
    .string()
    .default('')
    .describe('key of hashed features; without it the data directory keeps one of its own'),
  log_ship_ms: z
    .int()
    .min(1)
    .max(60_000)
    .default(1000)
    .describe('how far apart predictions are sent to ClickHouse while they make no full batch'),
  log_ship_rows_per_s: z
    .int()
    .nonnegative()
    .default(200_000)
    .describe('most rows a second that are sent when many have gathered; 0: as many as ClickHouse takes'),
  log_spec_poll_ms: z
    .int()
    .min(100)
    .max(3_600_000)
    .default(10_000)
    .describe('how often ClickHouse is asked for new references that rows are binned by'),
  log_dead_letter_bytes: z
    .int()
    .nonnegative()
    .default(64 * 1024 * 1024)
    .describe('most bytes of rows that ClickHouse refused, kept in files of their own'),
  clickhouse_url: z
    .string()
    .default('')
    .describe('ClickHouse that keeps the prediction log: http(s)://host:port; without it tidegate up starts a store'),
  control_port: z
    .int()
    .min(0)
    .max(65_535)
    .default(8090)
    .describe('port of the control plane; 0: one that the system gives'),
  control_host: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe('address that the control plane listens on; where other machines reach it, it takes tokens alone'),
  control_tokens: z
    .enum(['auto', 'required'])
    .default('auto')
    .describe('auto: on loopback the control plane asks for no token; required: it always does, as behind a proxy'),
  control_cert_file: z
    .string()
    .default('')
    .describe('certificate (PEM, with its chain) of the control plane; without it HTTP without TLS'),
  control_key_file: z.string().default('').describe('private key (PEM) of that certificate'),
  monitors: z
    .string()
    .default('')
    .describe(
      'folder of monitors and alert routes (YAML) that the control plane evaluates; without it nothing is watched',
    ),
  label_window_ms: z
    .int()
    .min(1)
    .max(400 * 86_400_000)
    .default(30 * 86_400_000)
    .describe('labels of outcomes that were known later than this after their prediction do not count'),
  store_port: z
    .int()
    .min(0)
    .max(65_535)
    .default(8123)
    .describe('port of tidegate store, on loopback; 0: one that the system gives'),
  store_memory_bytes: z
    .int()
    .nonnegative()
    .default(2 * 1024 ** 3)
    .describe('memory that the queries of tidegate store may use together; 0: as much as there is'),
  environment: NameSchema.default('prod').describe('environment that this node and its control plane belong to'),
  node_labels: z
    .string()
    .default('')
    .describe('labels of this node, by which models are placed: region=eu,ring=canary'),
  artifact_keys: z
    .string()
    .default('')
    .describe(
      'files of public ed25519 keys (PEM), separated by commas: only versions that one of them signed are loaded',
    ),
  nats_url: z
    .string()
    .default('')
    .describe(
      'NATS that carries the fleet: nats(s)://host:port, several separated by commas; without it tidegate up starts a server',
    ),
  nats_port: z
    .int()
    .min(0)
    .max(65_535)
    .default(4222)
    .describe('port of tidegate nats, on loopback; 0: one that the system gives'),
  nats_leaf_port: z
    .int()
    .min(0)
    .max(65_535)
    .default(0)
    .describe('port on which tidegate nats takes the servers of sites; 0: none'),
  nats_hub_url: z
    .string()
    .default('')
    .describe(
      'hub that tidegate nats is a leaf of, for a site: nats://host:7422; without it it keeps everything itself',
    ),
  nats_hub_seed_file: z.string().default('').describe('file with the NKey seed that the hub knows this site by'),
  nats_server: z
    .string()
    .default('')
    .describe('path of the nats-server that tidegate nats runs; without it the PATH, else one that is fetched'),
  nats_seed_file: z.string().default('').describe('file with the NKey seed that NATS knows this process by'),
  nats_creds_file: z.string().default('').describe('credentials file of NATS (JWT and seed)'),
  nats_user: z.string().default('').describe('user of NATS, where it knows its users by passwords'),
  nats_password: z.string().default('').describe('password of that user'),
  nats_ca_file: z.string().default('').describe('file of the authority that the certificate of NATS is checked with'),
  nats_replicas: z
    .int()
    .min(1)
    .max(5)
    .default(1)
    .describe('servers of a NATS cluster that keep each stream, bucket and artefact'),
  clickhouse_user: z.string().default('default').describe('user of ClickHouse'),
  clickhouse_password: z.string().default('').describe('password of that user'),
  clickhouse_database: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'give a name of letters, digits and underscores')
    .default('tidegate')
    .describe('database of the tables'),
  clickhouse_cluster: z
    .string()
    .default('')
    .describe('cluster whose servers share replicated, distributed tables; without it one server has them'),
  clickhouse_ca_file: z
    .string()
    .default('')
    .describe("file of the authority that ClickHouse's certificate is checked with"),
  limits: LimitsSchema.prefault({}),
});

export type Config = z.infer<typeof ConfigSchema>;

/** Settings whose values are never printed. */
export const SECRET_SETTINGS: ReadonlySet<string> = new Set(['clickhouse_password', 'log_hash_key', 'nats_password']);
