/** Parallel calls of one request. */
import { EDGE_FANOUT_MAX } from '../core/limits.ts'

/**
 * Runs `call` for each of `items`, a bounded number at a time. After a failure no further call starts.
 *
 * @returns the results in the order of the items.
 */
export async function fanOut<Item, Result>(
  items: readonly Item[],
  call: (item: Item) => Promise<Result>,
  atATimeMax = EDGE_FANOUT_MAX,
): Promise<Result[]> {
  const results: Result[] = []
  let next = 0
  let hasFailed = false
  const work = async () => {
    while (next < items.length && !hasFailed) {
      const index = next++
      try {
        results[index] = await call(items[index] as Item)
      } catch (error) {
        hasFailed = true
        throw error
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(items.length, atATimeMax) }, work))
  return results
}
