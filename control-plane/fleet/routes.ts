import { Hono } from 'hono';
import { z } from 'zod';
import { DeploymentSchema } from '../../contract/deployment.js';
import { type DesiredState, NameSchema, NODE_MODES } from '../../contract/desired-state.js';
import { TidegateError } from '../../contract/error.js';
import { described } from '../api/described.js';
import { revisionSeen } from '../if-match.js';
import { bodyObject, parsed } from '../query.js';
import { judgeModel } from './convergence.js';
import { type Registered, resolved, stateBefore } from './deployment.js';
import type { DesiredStore, StoredDesired } from './live/desired-store.js';
import type { FleetView } from './live/fleet-view.js';
import type { LeaseHolder } from './live/lease-holder.js';
import { reconcile } from './reconciler.js';

export interface FleetServices {
  readonly view: FleetView;
  readonly desired: DesiredStore;
  readonly lease: Pick<LeaseHolder, 'leader' | 'term'>;
  readonly registered: Registered;
  readonly now_ms: () => number;
}

const ModeSchema = z.strictObject({ mode: z.enum(NODE_MODES) });
const NONE: Pick<DesiredState, 'placements' | 'pinned' | 'limits'> = { placements: [], pinned: false, limits: {} };

const ROUTES = {
  showLeader: described({ summary: 'Show which control plane leads', tag: 'Fleet' }),
  listDeployments: described({ summary: 'List deployments, and how far each is', tag: 'Fleet' }),
  showDeployment: described({ summary: 'Show what should be served of a model, and what is', tag: 'Fleet' }),
  deploy: described({
    summary: 'Say what should be served of a model',
    tag: 'Fleet',
    body: DeploymentSchema,
    ifMatch: 'required',
  }),
  rollBack: described({
    summary: 'Deploy again what was deployed before',
    tag: 'Fleet',
    ifMatch: 'asked',
  }),
  endDeployment: described({ summary: 'End the deployment of a model', tag: 'Fleet', ifMatch: 'required' }),
  listNodes: described({ summary: 'List nodes', tag: 'Fleet' }),
  showNode: described({ summary: 'Show a node', tag: 'Fleet' }),
  setMode: described({
    summary: 'Let a node serve, drain it, or take it out',
    tag: 'Fleet',
    body: ModeSchema,
    ifMatch: 'required',
  }),
  forgetNode: described({ summary: 'Forget a node', tag: 'Fleet', answers: { 204: { description: 'Forgotten' } } }),
};

/** What should be served where, and what is: docs/fleet.md. */
export function fleetRoutes(open: () => FleetServices): Hono {
  const app = new Hono();
  app.route('/deployments', deploymentRoutes(open));
  app.route('/nodes', nodeRoutes(open));
  app.get('/fleet', ROUTES.showLeader, (context) => {
    const { lease } = open();
    return context.json({ leader: lease.leader ?? null, leads: lease.term !== undefined });
  });
  return app;
}

function deploymentRoutes(open: () => FleetServices): Hono {
  const app = new Hono();
  app.get('/', ROUTES.listDeployments, (context) => {
    const fleet = open();
    return context.json({ deployments: fleet.view.models.flatMap((model) => summary(fleet, model) ?? []) });
  });
  app.get('/:model', ROUTES.showDeployment, async (context) => {
    const fleet = open();
    const model = named(context.req.param('model'));
    const stored = await fleet.desired.read(model);
    if (stored === undefined) throw notDeployed(model);
    context.header('etag', `"${stored.revision}"`);
    return context.json(whole(fleet, model, stored));
  });
  app.put('/:model', ROUTES.deploy, async (context) => {
    const fleet = open();
    const model = named(context.req.param('model'));
    const wanted = parsed(DeploymentSchema, bodyObject(await context.req.text()));
    const content = await resolved(model, wanted, fleet.registered);
    const stored = await fleet.desired.write(model, content, revisionSeen(context));
    context.header('etag', `"${stored.revision}"`);
    return context.json(whole(fleet, model, stored));
  });
  addRollback(app, open);
  app.delete('/:model', ROUTES.endDeployment, async (context) => {
    const fleet = open();
    const model = named(context.req.param('model'));
    if ((await fleet.desired.read(model)) === undefined) throw notDeployed(model);
    const { placements, ...rest } = NONE;
    const ended = {
      ...rest,
      placements: [
        ...placements,
        { selector: { labels: {} }, replicas: 'all' as const, assigned: [], excluded: [], versions: [] },
      ],
    };
    const stored = await fleet.desired.write(model, ended, revisionSeen(context));
    return context.json(whole(fleet, model, stored));
  });
  return app;
}

function addRollback(app: Hono, open: () => FleetServices): void {
  app.post('/:model/rollback', ROUTES.rollBack, async (context) => {
    const fleet = open();
    const model = named(context.req.param('model'));
    const history = await fleet.desired.history(model);
    const before = stateBefore(history);
    if (before === undefined) {
      throw new TidegateError(
        'CONFLICT',
        `model '${model}' cannot be rolled back: nothing else was deployed before, as far as is remembered`,
      );
    }
    const { placements, pinned, limits } = before.state;
    // Which nodes were chosen then may be wrong by now: the leader chooses again.
    const content = {
      placements: placements.map((each) => ({ ...each, assigned: [], excluded: [] })),
      pinned,
      limits,
    };
    const over = revisionSeen(context) ?? history.at(-1)?.revision;
    const stored = await fleet.desired.write(model, content, over);
    context.header('etag', `"${stored.revision}"`);
    return context.json({
      ...whole(fleet, model, stored),
      rolled_back_to: { revision: before.revision, epoch: before.state.epoch },
    });
  });
}

function nodeRoutes(open: () => FleetServices): Hono {
  const app = new Hono();
  app.get('/', ROUTES.listNodes, (context) => {
    const fleet = open();
    return context.json({ nodes: fleet.view.nodes.map(({ name }) => nodeOf(fleet, name)) });
  });
  app.get('/:node', ROUTES.showNode, (context) => {
    const fleet = open();
    const name = named(context.req.param('node'));
    const node = nodeOf(fleet, name);
    if (node === undefined) throw unknownNode(name);
    context.header('etag', `"${fleet.view.intentRevision(name)}"`);
    return context.json(node);
  });
  app.put('/:node/mode', ROUTES.setMode, async (context) => {
    const fleet = open();
    const name = named(context.req.param('node'));
    if (fleet.view.node(name) === undefined) throw unknownNode(name);
    const { mode } = parsed(ModeSchema, bodyObject(await context.req.text()));
    const revision = await fleet.desired.writeMode(name, mode, revisionSeen(context));
    context.header('etag', `"${revision}"`);
    return context.json({ node: name, mode, revision });
  });
  app.delete('/:node', ROUTES.forgetNode, async (context) => {
    const fleet = open();
    const name = named(context.req.param('node'));
    if (fleet.view.node(name) === undefined) throw unknownNode(name);
    await fleet.desired.removeNode(name);
    return context.body(null, 204);
  });
  return app;
}

function summary({ view, now_ms }: FleetServices, model: string) {
  const known = view.desired.get(model);
  if (known === undefined) return undefined;
  const { verdict, epoch, counts } = judgeModel(model, known, view.nodes, now_ms());
  const versions = [...new Set(known.state.placements.flatMap((each) => each.versions.map(({ version }) => version)))];
  return { model, epoch, revision: known.revision, verdict, counts, versions: versions.sort((a, b) => a - b) };
}

function whole({ view, lease, now_ms }: FleetServices, model: string, { state, revision }: StoredDesired) {
  const now = now_ms();
  const since_ms = view.desired.get(model)?.since_ms ?? now;
  const { plans } = reconcile(model, state, view.nodes, state.term, now);
  return {
    model,
    revision,
    epoch: state.epoch,
    leader: lease.leader ?? null,
    placements: state.placements,
    pinned: state.pinned,
    limits: state.limits,
    status: judgeModel(model, { state, since_ms }, view.nodes, now),
    capacity: plans.map(({ nodes, refused, missing }) => ({ nodes, refused, missing })),
  };
}

function nodeOf({ view, now_ms }: FleetServices, name: string) {
  const node = view.node(name);
  if (node === undefined) return undefined;
  const { labels, mode, status, heard_ms, quarantine } = node;
  return {
    node: name,
    labels,
    mode,
    heard_at: heard_ms === 0 ? null : new Date(heard_ms).toISOString(),
    silent_ms: heard_ms === 0 ? null : Math.max(0, now_ms() - heard_ms),
    quarantined_until: quarantine.until_ms === null ? null : new Date(quarantine.until_ms).toISOString(),
    memory_bytes: status?.memory_bytes ?? 0,
    memory_used_bytes: status?.memory_used_bytes ?? 0,
    life: status?.life ?? 0,
    models: status?.models ?? {},
    load: status?.load ?? [],
  };
}

function named(text: string): string {
  const result = NameSchema.safeParse(text);
  if (result.success) return result.data;
  throw new TidegateError('INVALID_PARAMETER', `'${text}' is no name: ${result.error.issues[0].message}`);
}

function notDeployed(model: string): TidegateError {
  return new TidegateError(
    'NOT_FOUND',
    `model '${model}' is not deployed: deploy a version of it (tidegate deploy ${model}@VERSION)`,
  );
}

function unknownNode(name: string): TidegateError {
  return new TidegateError('NOT_FOUND', `no node '${name}' has been heard of: see tidegate nodes`);
}
