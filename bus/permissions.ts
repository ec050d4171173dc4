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
      `$KV.${BUCKETS.nodes.name}.${keyOf(environment, node)}`,
      `tg.${env}.events.node.${token(node)}`,
    ],
    subscribe: [`${inboxPrefix(environment, node)}.>`, `tg.${env}.node.${token(node)}.>`],
  };
}
