import { z } from 'zod';

/** viewer: reads; operator: changes what is served and watched; admin: decides who may. node: a runtime that joins the fleet, and nothing else. */
export const ROLES = ['viewer', 'operator', 'admin', 'node'] as const;
export const RoleSchema = z.enum(ROLES);
export type Role = (typeof ROLES)[number];

/** What a route asks of its caller. */
export type NeededRole = Role | 'anyone';

const RANKS: Readonly<Record<Role, number>> = { node: 0, viewer: 1, operator: 2, admin: 3 };

/** A node is below every person: what it may is named, and never follows from a rank. */
export function mayAct(role: Role, needed: NeededRole): boolean {
  if (needed === 'anyone' || role === needed) return true;
  return role !== 'node' && needed !== 'node' ? RANKS[role] > RANKS[needed] : role === 'admin';
}

/** Whoever asks, as routes, the audit log and messages name them. */
export interface Caller {
  /** '' where no token was given: then the listener is one that only this machine reaches. */
  readonly token: string;
  readonly name: string;
  readonly role: Role;
}

/** The one who may do everything, because only this machine can reach the listener. */
export const LOCAL_CALLER: Caller = { token: '', name: 'local', role: 'admin' };

/** Whose act it is. A token says who acts, and nobody may act in another's name; `said` counts where no token was asked for. */
export function actorOf(caller: Caller | undefined, said: string): string {
  return caller === undefined || caller.token === '' ? said : caller.name;
}
