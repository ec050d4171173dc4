/** What a process and whoever supervises it say to each other, over the channel that Node.js opens between them. */
export interface ReadyMessage {
  readonly ready: { readonly url: string };
}

/** Tells the supervisor, where there is one, that this process does its work, and where. */
export function announceReady(url: string): void {
  const message: ReadyMessage = { ready: { url } };
  process.send?.(message);
}

/** A supervisor that was killed cannot stop its processes: they notice that it is gone, and stop by themselves. */
export function whenOrphaned(stop: () => void): void {
  if (process.send !== undefined) process.once('disconnect', stop);
}
