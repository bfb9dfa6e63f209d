/** Returns in another turn of the event loop. Locally all objects share it, so waiting requests are served before. */
export function nextTurn(): Promise<void> {
  return rest(0)
}

/** Resolves after some time, in which other calls of the object run. */
export function rest(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
