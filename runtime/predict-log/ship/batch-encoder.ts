import type { BinSpec } from '../../../contract/bin-spec.js';
import type { LogLayout } from '../../../contract/prediction-record.js';
import type { LoggedPrediction, RecordLayout } from '../logged-prediction.js';
import type { SpoolPosition } from '../spool-state.js';
import type { BatchSource } from './batch-source.js';
import { type Binning, compileBinning, NO_BINNING } from './binning.js';
import type { BatchPlan, Piece } from './checkpoint.js';
import { LogBlock } from './log-block.js';
import { Unencodable } from './unencodable.js';

export interface BatchLimits {
  readonly rows: number;
  readonly bytes: number;
}

/** Where the specs come from: the newest for a version, or the one that a batch was settled with. */
export interface SpecSource {
  newest(model: string, version: number): BinSpec | undefined;
  byId(model: string, spec_id: number): BinSpec | undefined;
}

export interface SettledBatch {
  readonly plan: BatchPlan;
  /** Of the rows that lie in the block; undefined: one of them cannot be encoded, and the block is of no use. */
  readonly layouts: readonly LogLayout[] | undefined;
  /** A limit ended it, and more is there. */
  readonly full: boolean;
}

const VALUES_OF_A_ROW = 20;
const VALUES_BETWEEN_LOOKS = 10_000;

/** Records of the spool → rows of one block, and the plan that says which. */
export class BatchEncoder {
  readonly block = new LogBlock();
  readonly #source: BatchSource;
  readonly #specs: SpecSource;
  readonly #binnings = new WeakMap<RecordLayout, Binning>();

  constructor(source: BatchSource, specs: SpecSource) {
    this.#source = source;
    this.#specs = specs;
  }

  /**
   * Fills the block with what comes after `from`, up to the limits, and settles it. A single record may be larger than they are. A
   * position: nothing to send before it. undefined: nothing new.
   */
  settle(from: SpoolPosition, limits: BatchLimits): SettledBatch | SpoolPosition | undefined {
    const { block } = this;
    const layouts = new Set<LogLayout>();
    const specs: Record<string, number> = {};
    let first_seq = -1;
    let last_seq = -1;
    let epoch = -1;
    let node = '';
    let full = false;
    let values = 0;
    let rows = 0;
    let isWhole = true;
    // To add up the bytes of all columns takes longer than to fill them with a small record: it is done after every so many values.
    const isHeavy = (found: LoggedPrediction) => {
      values += found.texts + found.rows * (found.num_width + found.output_width + VALUES_OF_A_ROW);
      if (values < VALUES_BETWEEN_LOOKS) return false;
      values = 0;
      return block.bytes >= limits.bytes;
    };
    const to = this.#source.read(from, undefined, (found) => {
      if (epoch < 0) {
        ({ node, epoch } = this.#source.header ?? { node, epoch });
        block.begin(node, epoch);
        first_seq = found.seq;
      } else if (!isWhole || rows + found.rows > limits.rows || isHeavy(found)) {
        full = true;
        return false;
      }
      const { layout } = found.layout;
      layouts.add(layout);
      const binning = this.#binning(found.layout, this.#specs.newest(layout.model, layout.version));
      specs[versionKey(layout)] = binning.spec_id;
      // Such a record ends the batch, whose bytes could not be told any more; the delivery finds out which rows they are.
      isWhole = this.#isAppended(found, binning);
      rows += found.rows;
      last_seq = found.seq;
      return true;
    });
    if (epoch < 0 || rows === 0) return to.segment === from.segment && to.offset === from.offset ? undefined : to;
    const token = `${encodeURIComponent(node)}:${epoch}:${first_seq}`;
    const settled = { from, to, epoch, node, first_seq, last_seq, rows, token, planned_at_ms: Date.now(), specs };
    const plan: BatchPlan = { ...settled, pieces: [[0, rows]], dead: 0 };
    return { plan, layouts: isWhole ? [...layouts] : undefined, full };
  }

  /** Fills the block again with rows of a batch that was settled before. Returns the layouts that they need. Throws Unencodable. */
  encode(plan: BatchPlan, piece: Piece): readonly LogLayout[] {
    const layouts = new Set<LogLayout>();
    this.block.begin(plan.node, plan.epoch);
    this.visit(plan, piece, (found, from, to) => {
      const { layout } = found.layout;
      layouts.add(layout);
      const spec_id = plan.specs[versionKey(layout)] ?? 0;
      const spec = spec_id === 0 ? undefined : this.#specs.byId(layout.model, spec_id);
      this.#append(found, from, to, this.#binning(found.layout, spec));
    });
    return [...layouts];
  }

  /** The rows that lie in the block, as ClickHouse takes them. Throws Unencodable. */
  encoded(): Uint8Array[] {
    try {
      return this.block.encode();
    } catch (error) {
      throw new Unencodable(error);
    }
  }

  #append(found: LoggedPrediction, from: number, to: number, binning: Binning): void {
    try {
      this.block.append(found, from, to, binning);
    } catch (error) {
      throw new Unencodable(error);
    }
  }

  #isAppended(found: LoggedPrediction, binning: Binning): boolean {
    try {
      this.#append(found, 0, found.rows, binning);
      return true;
    } catch (error) {
      if (error instanceof Unencodable) return false;
      throw error;
    }
  }

  /** Shows the rows of a piece: each record with the part of its rows that belongs to it. */
  visit(plan: BatchPlan, [first, end]: Piece, show: (found: LoggedPrediction, from: number, to: number) => void): void {
    let row = 0;
    this.#source.read(plan.from, plan.to, (found) => {
      const [from, to] = [Math.max(0, first - row), Math.min(found.rows, end - row)];
      if (from < to) show(found, from, to);
      row += found.rows;
      return true;
    });
  }

  #binning(layout: RecordLayout, spec: BinSpec | undefined): Binning {
    if (spec === undefined) return NO_BINNING;
    const known = this.#binnings.get(layout);
    if (known?.spec_id === spec.spec_id) return known;
    const made = compileBinning(spec, layout.layout);
    this.#binnings.set(layout, made);
    return made;
  }
}

function versionKey({ model, version }: LogLayout): string {
  return `${model}/${version}`;
}
