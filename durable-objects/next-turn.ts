/** Returns in another turn of the event loop. Locally all objects share it, so waiting requests are served before. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0))
}
