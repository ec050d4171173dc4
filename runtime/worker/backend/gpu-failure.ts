/** What a GPU's words mean for the batch that it failed. */
export type GpuFailure =
  /** The batch did not fit: half of it may. */
  | 'out-of-memory'
  /** Nothing runs on this device any more until its process is replaced. */
  | 'device-lost'
  /** The model or its input is at fault. */
  | 'batch';

const OUT_OF_MEMORY =
  /out of memory|out_of_memory|OutOfMemory|failed to allocate memory|CUDA (?:failure|error):? 2\b|CUBLAS_STATUS_ALLOC_FAILED|CUDNN_STATUS_ALLOC_FAILED|bad_?alloc/i;

/** The CUDA numbers: 46 devices unavailable, 214 and 719 hardware and launch failures, 700 illegal address, 702 launch timed out, 718 invalid program counter. */
const DEVICE_LOST =
  /device (?:is |was )?lost|VK_ERROR_DEVICE_LOST|DXGI_ERROR_DEVICE_(?:REMOVED|HUNG|RESET)|CUDA (?:failure|error):? (?:46|214|700|702|714|715|716|717|718|719)\b|uncorrectable ECC|illegal memory access|unspecified launch failure|CUDNN_STATUS_EXECUTION_FAILED|CUBLAS_STATUS_(?:EXECUTION_FAILED|INTERNAL_ERROR)/i;

/** Memory first: a device that ran out of it says both, and halving needs no new process. */
export function gpuFailure(reason: string): GpuFailure {
  if (OUT_OF_MEMORY.test(reason)) return 'out-of-memory';
  return DEVICE_LOST.test(reason) ? 'device-lost' : 'batch';
}
