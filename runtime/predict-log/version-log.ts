import type { ErrorCode, TidegateError } from '../../contract/error.js';
import type { InferRequest } from '../../contract/inference.js';
import { ENTITY_KEY } from '../../contract/log-policy.js';
import { type CapturedInputs, FeatureCapture } from './feature-capture.js';
import type { KeyedHash } from './keyed-hash.js';
import type { LogPlan } from './log-plan.js';
import type { RecordLayout } from './logged-prediction.js';
import { type CapturedOutputs, OutcomeCapture } from './outcome-capture.js';
import type { PredictionLog } from './prediction-log.js';
import { type RecordHead, RecordWriter } from './record-codec.js';
import { FLAG, type LoggedFace } from './record-format.js';
import { noteOf, type RequestNote } from './request-note.js';

/** An admitted request, as far as the log is concerned. */
export interface NotedRequest {
  readonly note: RequestNote;
  readonly face: LoggedFace;
  readonly arrived_us: number;
  /** champion, canary or shadow. */
  readonly variant: string;
}

export interface LoggedTimes {
  readonly queue_us: number;
  readonly compute_us: number;
  readonly total_us: number;
}

const OK = 'ok';
const NO_TIMES: LoggedTimes = { queue_us: 0, compute_us: 0, total_us: 0 };

/** The log of one served version. Calls come from the request path and never throw for what a disk or a caller did. */
export class VersionLog {
  readonly #log: PredictionLog;
  readonly #plan: LogPlan;
  readonly #layout: RecordLayout;
  readonly #features: FeatureCapture;
  readonly #outcome: OutcomeCapture;
  readonly #writer: RecordWriter;
  readonly #keyHash: KeyedHash | undefined;
  readonly #segmentsByRow: boolean;

  constructor(log: PredictionLog, plan: LogPlan, id: number, hash: () => KeyedHash) {
    this.#log = log;
    this.#plan = plan;
    this.#layout = { id, layout: plan.layout, segments: plan.features.segment_names };
    this.#features = new FeatureCapture(plan.features, hash);
    this.#outcome = new OutcomeCapture(plan.outcome);
    this.#writer = new RecordWriter(log.spool.buffer);
    this.#keyHash = plan.policy.hash.includes(ENTITY_KEY) ? hash() : undefined;
    this.#segmentsByRow = plan.features.segments.some(({ from }) => from === 'feature');
  }

  /** Whether the answer to a logged request waits until its record is on the disk. */
  get holds(): boolean {
    return this.#log.holds;
  }

  /** Why a request cannot be admitted: its record would have no place. */
  refusal(): TidegateError | undefined {
    return this.#plan.share > 0 ? this.#log.refusal() : undefined;
  }

  /** Whether what was noted of another version's request is what this one would have noted. */
  takesNotesOf(other: VersionLog): boolean {
    const what = ({ share, policy, features }: LogPlan): string =>
      JSON.stringify([share > 0, policy.failures, policy.hash, features.entity_key ?? null, features.segments]);
    return what(this.#plan) === what(other.#plan);
  }

  note(request: InferRequest): RequestNote | undefined {
    const { share, policy, features } = this.#plan;
    return noteOf(request, features, share, policy.failures, this.#keyHash);
  }

  /** Puts an answered request into the log; `flush` writes it. Returns its number, or -1 where it was dropped. */
  answered(request: NotedRequest, inputs: CapturedInputs, outputs: CapturedOutputs, times: LoggedTimes): number {
    return this.#record(request, inputs, outputs, OK, times);
  }

  /** A request that was admitted and got an error. Written soon, if failures are asked for. */
  failed(request: NotedRequest, inputs: CapturedInputs, code: ErrorCode, total_us: number): void {
    if (!this.#plan.policy.failures) return;
    this.#record(request, inputs, undefined, code, { ...NO_TIMES, total_us });
    this.#log.flushSoon();
  }

  /** A request that was refused before its inputs were read. */
  refused(request: InferRequest, came: Omit<NotedRequest, 'note'>, code: ErrorCode, total_us: number): void {
    if (!this.#plan.policy.failures) return;
    const note = this.note(request);
    if (note === undefined) return;
    this.#record({ ...came, note }, undefined, undefined, code, { ...NO_TIMES, total_us });
    this.#log.flushSoon();
  }

  /** Taken before the first record of a turn, and given to `flush`. */
  get mark(): number {
    return this.#log.spool.failed_flushes;
  }

  /** Writes what was put into the log. Returns whether everything since `mark` is there. */
  flush(mark: number): boolean {
    const { spool } = this.#log;
    return spool.flush() && spool.failed_flushes === mark;
  }

  synced(): Promise<boolean> {
    return this.#log.spool.synced();
  }

  /** What the caller is told: `<node>:<epoch>:<seq>`. */
  token(seq: number): string {
    return this.#log.token(seq);
  }

  #record(
    request: NotedRequest,
    inputs: CapturedInputs | undefined,
    outputs: CapturedOutputs | undefined,
    outcome: string,
    times: LoggedTimes,
  ): number {
    try {
      return this.#write(request, inputs, outputs, outcome, times);
    } catch (error) {
      // Memory that cannot be had for a huge record, at worst: the answer must go out all the same.
      this.#log.spool.giveUp(error);
      return -1;
    }
  }

  #write(
    request: NotedRequest,
    inputs: CapturedInputs | undefined,
    answered: CapturedOutputs | undefined,
    outcome: string,
    times: LoggedTimes,
  ): number {
    if (!this.#log.spool.begin(this.#layout)) return -1;
    const outputs = answered !== undefined && this.#outcome.fits(answered) ? answered : undefined;
    const seq = this.#log.nextSeq();
    const keeps = inputs !== undefined && this.#features.begin(inputs);
    const head = this.#head(request, seq, inputs, keeps, outputs, times);
    const writer = this.#writer;
    writer.begin(head);
    const { note } = request;
    writer.text(note.id);
    writer.text(note.trace_id);
    writer.text(outcome);
    writer.text(request.variant);
    this.#writeKeys(note, head);
    if (head.cat_width > 0) this.#features.writeCategories(writer, head.rows);
    if (outputs !== undefined) {
      this.#outcome.writeClassTexts(writer, outputs);
      this.#outcome.writeTexts(writer, outputs);
      this.#outcome.writeScores(writer, outputs);
    }
    if (head.num_width > 0) this.#features.writeNumbers(writer, head.rows);
    if (outputs !== undefined) {
      this.#outcome.writeNumbers(writer, outputs);
      this.#outcome.writeClassIndexes(writer, outputs);
    }
    if ((head.flags & FLAG.DIGESTS) !== 0) this.#features.writeDigests(writer, head.rows);
    return this.#log.spool.commit() ? seq : -1;
  }

  #head(
    { face, arrived_us, note }: NotedRequest,
    seq: number,
    inputs: CapturedInputs | undefined,
    keeps: boolean,
    outputs: CapturedOutputs | undefined,
    times: LoggedTimes,
  ): RecordHead {
    const { features, share } = this.#plan;
    const rows = inputs?.rows ?? 1;
    const digests = inputs !== undefined && !keeps;
    return {
      layout_id: this.#layout.id,
      seq,
      ts_us: this.#log.wall_us(arrived_us),
      rows,
      queue_us: times.queue_us,
      compute_us: times.compute_us,
      total_us: times.total_us,
      share: share > 0 ? share : 1,
      face,
      num_width: keeps ? features.num_width : 0,
      cat_width: keeps ? features.cat_width : 0,
      output_width: outputs === undefined ? 0 : this.#outcome.output_width,
      text_width: outputs === undefined ? 0 : this.#outcome.text_width,
      entity_keys: this.#entityKeys(note, inputs),
      segment_sets: features.segments.length === 0 ? 0 : this.#segmentsByRow && inputs !== undefined ? rows : 1,
      segment_width: features.segments.length,
      source_width: 0,
      age_width: 0,
      flags:
        (features.num_double ? FLAG.NUM_DOUBLE : 0) |
        (outputs === undefined ? 0 : this.#outcome.flags) |
        (digests ? FLAG.DIGESTS : 0),
    };
  }

  #entityKeys(note: RequestNote, inputs: CapturedInputs | undefined): number {
    const source = this.#plan.features.entity_key;
    if (source?.from === 'feature') return inputs?.rows ?? 0;
    return note.entity_key === undefined ? 0 : 1;
  }

  #writeKeys(note: RequestNote, head: RecordHead): void {
    const { entity_key, segments } = this.#plan.features;
    const writer = this.#writer;
    for (let row = 0; row < head.entity_keys; row++) {
      if (entity_key?.from === 'feature') this.#features.writeValue(writer, this.#hashedKey(entity_key), row);
      else writer.text(note.entity_key ?? '');
    }
    for (let row = 0; row < head.segment_sets; row++) {
      for (let index = 0; index < segments.length; index++) {
        const source = segments[index];
        if (source.from === 'feature' && head.segment_sets === head.rows && this.#segmentsByRow) {
          this.#features.writeValue(writer, source, row);
        } else {
          writer.text(note.segments[index]);
        }
      }
    }
  }

  #hashedKey<T extends { readonly hashed: boolean }>(source: T): T {
    return this.#keyHash === undefined ? source : { ...source, hashed: true };
  }
}
