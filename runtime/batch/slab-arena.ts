import { SlabViews } from '../codec/slab-views.js';

/**
 * Shared memory for what waits and runs: the inputs of requests, the state of sequences. Workers see the same segments and read
 * in place; what travels between threads is an address.
 *
 * Blocks up to a page come from pages of one power-of-two class each; larger ones take runs of whole pages; the largest get a
 * segment of their own. An empty page goes back to its segment and may serve any class, so a change of traffic strands nothing.
 */
export const PAGE_BYTES = 64 * 1024;
const PAGES_PER_SEGMENT = 128;
export const SEGMENT_BYTES = PAGE_BYTES * PAGES_PER_SEGMENT;
const MIN_CLASS_LOG2 = 6;
const PAGE_LOG2 = 16;
const CLASSES = PAGE_LOG2 - MIN_CLASS_LOG2;

/** segment × 2^32 + offset: one number, exact in a double. */
export type Address = number;
export const NO_MEMORY: Address = -1;
const SEGMENT_UNIT = 2 ** 32;

export function segmentOf(address: Address): number {
  return Math.floor(address / SEGMENT_UNIT);
}

export function offsetOf(address: Address): number {
  return address % SEGMENT_UNIT;
}

interface Page {
  readonly segment: Segment;
  readonly index: number;
  readonly sizeClass: number;
  /** Offsets of free blocks; the last one is taken next, while its memory is still in the cache. */
  readonly free: number[];
  readonly blocks: number;
  /** Where it stands in the list of pages with room; -1 when full. */
  position: number;
}

interface Segment {
  readonly id: number;
  readonly views: SlabViews;
  readonly pages: (Page | 'free' | 'run')[];
  freePages: number;
}

/** Told whenever a segment comes or goes, so that workers can map it before they are sent an address in it. */
export interface SegmentListener {
  segmentAdded(id: number, buffer: SharedArrayBuffer): void;
  segmentDropped(id: number): void;
}

export class SlabArena {
  readonly #segments = new Map<number, Segment>();
  readonly #withRoom: Page[][] = Array.from({ length: CLASSES }, () => []);
  readonly #listener: SegmentListener;
  readonly #maxBytes: number;
  #nextSegment = 0;
  #usedBytes = 0;
  #mappedBytes = 0;

  constructor(max_bytes: number, listener: SegmentListener) {
    this.#maxBytes = max_bytes;
    this.#listener = listener;
  }

  /** Bytes handed out, rounded up to blocks. */
  get used_bytes(): number {
    return this.#usedBytes;
  }

  /** Bytes of shared memory held. */
  get mapped_bytes(): number {
    return this.#mappedBytes;
  }

  views(segment: number): SlabViews {
    const found = this.#segments.get(segment);
    if (found === undefined) throw new RangeError(`no segment ${segment}`);
    return found.views;
  }

  *segments(): Iterable<[number, SharedArrayBuffer]> {
    for (const segment of this.#segments.values()) {
      if (segment.views.buffer instanceof SharedArrayBuffer) yield [segment.id, segment.views.buffer];
    }
  }

  /** The address of a block of at least `bytes`, or NO_MEMORY when that would pass the bound. */
  allocate(bytes: number): Address {
    const size = blockBytes(bytes);
    if (this.#usedBytes + size > this.#maxBytes) return NO_MEMORY;
    this.#usedBytes += size;
    return size < PAGE_BYTES ? this.#allocateBlock(classOf(bytes)) : this.#allocateRun(size / PAGE_BYTES);
  }

  /** `bytes` as given to `allocate`. */
  free(address: Address, bytes: number): void {
    const segment = this.#segments.get(segmentOf(address));
    if (segment === undefined) throw new RangeError(`free of ${address}, which lies in no segment`);
    const offset = offsetOf(address);
    const first = Math.floor(offset / PAGE_BYTES);
    const size = blockBytes(bytes);
    this.#usedBytes -= size;
    const page = segment.pages[first];
    if (page === 'run') {
      this.#freeRun(segment, first, size / PAGE_BYTES);
      return;
    }
    if (page === 'free' || page === undefined) throw new RangeError(`free of ${address}, which is free already`);
    page.free.push(offset);
    if (page.position < 0) this.#enlist(page);
    else if (page.free.length === page.blocks) this.#releasePage(page);
  }

  #allocateBlock(sizeClass: number): Address {
    const list = this.#withRoom[sizeClass];
    const page = list.length > 0 ? list[list.length - 1] : this.#takePage(sizeClass);
    const offset = page.free.pop();
    if (offset === undefined) throw new RangeError('a page without room stood in the list of pages with room');
    if (page.free.length === 0) this.#delist(page);
    return page.segment.id * SEGMENT_UNIT + offset;
  }

  #takePage(sizeClass: number): Page {
    const [segment, index] = this.#findRun(1);
    const size = 1 << (sizeClass + MIN_CLASS_LOG2);
    const blocks = PAGE_BYTES / size;
    const free: number[] = [];
    for (let block = blocks - 1; block >= 0; block--) free.push(index * PAGE_BYTES + block * size);
    const page: Page = { segment, index, sizeClass, free, blocks, position: -1 };
    segment.pages[index] = page;
    segment.freePages--;
    this.#enlist(page);
    return page;
  }

  #allocateRun(pages: number): Address {
    const [segment, first] = this.#findRun(pages);
    for (let page = first; page < first + pages; page++) segment.pages[page] = 'run';
    segment.freePages -= pages;
    return segment.id * SEGMENT_UNIT + first * PAGE_BYTES;
  }

  #freeRun(segment: Segment, first: number, pages: number): void {
    for (let page = first; page < first + pages; page++) segment.pages[page] = 'free';
    segment.freePages += pages;
    this.#dropIfEmpty(segment);
  }

  /** First fit. Runs are rare and segments few; the usual block never comes here. */
  #findRun(pages: number): [Segment, number] {
    for (const segment of this.#segments.values()) {
      if (segment.freePages < pages) continue;
      let length = 0;
      for (let page = 0; page < segment.pages.length; page++) {
        length = segment.pages[page] === 'free' ? length + 1 : 0;
        if (length === pages) return [segment, page - pages + 1];
      }
    }
    return [this.#addSegment(Math.max(pages, PAGES_PER_SEGMENT)), 0];
  }

  #addSegment(pages: number): Segment {
    const buffer = new SharedArrayBuffer(pages * PAGE_BYTES);
    const segment: Segment = {
      id: this.#nextSegment++,
      views: new SlabViews(buffer),
      pages: new Array<'free'>(pages).fill('free'),
      freePages: pages,
    };
    this.#segments.set(segment.id, segment);
    this.#mappedBytes += buffer.byteLength;
    this.#listener.segmentAdded(segment.id, buffer);
    return segment;
  }

  /** One spare page of each class stays, or a lone request would take and release it every time. */
  #releasePage(page: Page): void {
    if (this.#withRoom[page.sizeClass].length === 1) return;
    this.#delist(page);
    page.segment.pages[page.index] = 'free';
    page.segment.freePages++;
    this.#dropIfEmpty(page.segment);
  }

  #dropIfEmpty(segment: Segment): void {
    if (segment.freePages < segment.pages.length || this.#segments.size === 1) return;
    this.#segments.delete(segment.id);
    this.#mappedBytes -= segment.views.buffer.byteLength;
    this.#listener.segmentDropped(segment.id);
  }

  #enlist(page: Page): void {
    const list = this.#withRoom[page.sizeClass];
    page.position = list.length;
    list.push(page);
  }

  #delist(page: Page): void {
    const list = this.#withRoom[page.sizeClass];
    const last = list.pop();
    if (last !== undefined && last !== page) {
      list[page.position] = last;
      last.position = page.position;
    }
    page.position = -1;
  }
}

function classOf(bytes: number): number {
  return bytes <= 1 << MIN_CLASS_LOG2 ? 0 : 32 - Math.clz32(bytes - 1) - MIN_CLASS_LOG2;
}

/** What a request for `bytes` really takes. */
export function blockBytes(bytes: number): number {
  if (bytes > PAGE_BYTES / 2) return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
  return 1 << (classOf(bytes) + MIN_CLASS_LOG2);
}
