import { SlabViews } from '../codec/slab-views.js';
import { JobRing, outputArea, SLOTS } from './job-ring.js';
import type { Link } from './link.js';
import type { JobMemory, ModelInstance } from './model-instance.js';

/**
 * A model that runs on the socket thread, because its full batch takes less time than waking another thread would. It speaks the
 * same ring, so that nothing else knows the difference.
 */
export class InlineLink implements Link, JobMemory {
  readonly inline = true;
  readonly ring = new JobRing();
  readonly outputs: SlabViews[] = Array.from({ length: SLOTS }, () => new SlabViews(new ArrayBuffer(0)));
  readonly running = 0;
  readonly #instance: ModelInstance;
  readonly #segments: (id: number) => SlabViews;
  #submitted = 0;
  #consumed = 0;

  /** The instance's session must run synchronously. */
  constructor(instance: ModelInstance, segments: (id: number) => SlabViews) {
    this.#instance = instance;
    this.#segments = segments;
  }

  get nextSlot(): number {
    return this.#submitted - this.#consumed < SLOTS ? this.#submitted % SLOTS : -1;
  }

  get doneSlot(): number {
    return this.#submitted === this.#consumed ? -1 : this.#consumed % SLOTS;
  }

  observe(): boolean {
    return false;
  }

  submit(): void {
    const slot = this.#submitted % SLOTS;
    this.#instance.runNow(slot, this);
    this.#submitted++;
  }

  consume(): void {
    this.#consumed++;
  }

  segment(id: number): SlabViews {
    return this.#segments(id);
  }

  area(slot: number, bytes: number): SlabViews {
    if (bytes > this.outputs[slot].u8.length) this.outputs[slot] = outputArea(bytes);
    return this.outputs[slot];
  }

  async release(): Promise<void> {
    await this.#instance.session.release();
  }
}
