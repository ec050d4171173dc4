import type { InferRequest } from '../../contract/inference.js';
import { parseTraceparent } from '../../std/traceparent.js';
import type { FeaturePlan } from './feature-plan.js';
import type { KeyedHash } from './keyed-hash.js';
import { isSampled, newRequestId } from './request-id.js';

/** What the log must know of a request besides its tensors; the body is gone when it is answered. */
export interface RequestNote {
  readonly id: string;
  /** The caller gave none. */
  readonly is_new_id: boolean;
  readonly trace_id: string;
  /** undefined: not given, or taken from an input. */
  readonly entity_key: string | undefined;
  /** Values that were given as parameters, in the order of the plan; '' for the others. */
  readonly segments: readonly string[];
  /** Whether its answer is logged; else only its failure would be. */
  readonly answer: boolean;
}

const NO_SEGMENTS: readonly string[] = [];

/** undefined: whatever becomes of the request, it is not logged. */
export function noteOf(
  request: InferRequest,
  plan: FeaturePlan,
  share: number,
  failures: boolean,
  hash: KeyedHash | undefined,
): RequestNote | undefined {
  if (share <= 0 && !failures) return undefined;
  const is_new_id = request.id === '';
  const id = is_new_id ? newRequestId(Date.now()) : request.id;
  const answer = isSampled(id, share);
  // Failures are sampled like answers; where no answer is logged, all of them are.
  if (!answer && (share > 0 || !failures)) return undefined;
  const { traceparent, custom } = request;
  const trace = traceparent === undefined || traceparent === '' ? undefined : parseTraceparent(traceparent);
  const given = (name: string): string => custom?.get(name) ?? '';
  const entity = plan.entity_key?.from === 'parameter' ? given(plan.entity_key.name) : '';
  return {
    id,
    is_new_id,
    trace_id: trace?.trace_id ?? '',
    entity_key: entity === '' ? undefined : (hash?.text(entity) ?? entity),
    segments:
      plan.segments.length === 0
        ? NO_SEGMENTS
        : plan.segments.map((source) => (source.from === 'parameter' ? given(source.name) : '')),
    answer,
  };
}
