import { ARTIFACTS, BUCKETS, keyOf, token } from './declarations.js';
import type { BusPermissions } from './server/server-config.js';

/** Answers come to subjects under this: one for each user, so that no node hears what others are told. */
export function inboxPrefix(environment: string, node: string): string {
  return `_INBOX_${token(environment)}_${token(node)}`;
}

/**
 * What a node may: read what it should serve and what it is made of, read features, and say of itself, under its own name alone. It can neither
 * change what others should serve nor speak for another node.
 */
export function nodePermissions(environment: string, node: string): BusPermissions {
  return permissions(environment, keyOf(environment, node), token(node), `${inboxPrefix(environment, node)}.>`);
}

/**
 * What the server of a site may at the hub, for all of its nodes: as a node, under whatever name. Which of them speaks is the business of the site's own
 * server.
 */
export function sitePermissions(environment: string): BusPermissions {
  return permissions(environment, `${token(environment)}.*`, '*', '>');
}

function permissions(environment: string, key: string, node: string, inbox: string): BusPermissions {
  const env = token(environment);
  const desired = `KV_${BUCKETS.desired.name}`;
  const nodes = `KV_${BUCKETS.nodes.name}`;
  const artifacts = `OBJ_${ARTIFACTS.name}`;
  const read = (stream: string) => [
    `$JS.API.STREAM.INFO.${stream}`,
    `$JS.API.CONSUMER.CREATE.${stream}`,
    `$JS.API.CONSUMER.CREATE.${stream}.>`,
    `$JS.API.CONSUMER.INFO.${stream}.>`,
    `$JS.API.CONSUMER.DELETE.${stream}.>`,
    `$JS.API.CONSUMER.MSG.NEXT.${stream}.>`,
    `$JS.API.DIRECT.GET.${stream}`,
    `$JS.API.DIRECT.GET.${stream}.>`,
    `$JS.API.STREAM.MSG.GET.${stream}`,
    `$JS.ACK.${stream}.>`,
    `$JS.FC.${stream}.>`,
  ];
  return {
    publish: [
      '$JS.API.INFO',
      ...read(desired),
      ...read(artifacts),
      ...read('TG_FEATURES'),
      `$JS.API.STREAM.INFO.${nodes}`,
      `$KV.${BUCKETS.nodes.name}.${key}`,
      `tg.${env}.events.node.${node}`,
    ],
    subscribe: [inbox, `tg.${env}.node.${node}.>`],
  };
}
