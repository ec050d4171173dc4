/** A detector reads one value after another, in constant or logarithmic memory. */
export interface Detection {
  readonly drift: boolean;
  /** Only DDM warns. */
  readonly warning: boolean;
}

export interface Detector {
  /** The answer of this value. After a drift the detector starts anew with the next one, as in River. */
  update(value: number): Detection;
  /** All that is needed to go on in another process: plain JSON, `v` tells its form. */
  state(): DetectorState;
}

export interface DetectorState {
  readonly v: 1;
  readonly detector: string;
}

export const CALM: Detection = { drift: false, warning: false };
export const DRIFT: Detection = { drift: true, warning: false };
export const WARNING: Detection = { drift: false, warning: true };

/** NaN or an infinity would poison every sum that follows. */
export function assertFinite(value: number): void {
  if (!Number.isFinite(value))
    throw new RangeError(`a detector reads finite numbers, not ${value}: leave such values out`);
}
