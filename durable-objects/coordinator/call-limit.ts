/**
 * Limits the number of concurrent calls of all callers that share one instance, and starts each call in a turn of its
 * own, so that locally, where all objects share one thread, other requests are served in between.
 */
import { nextTurn } from '../next-turn.ts'

export class CallLimit {
  readonly #callsMax: number
  #callsUnderWay = 0
  readonly #waiting: (() => void)[] = []
  /** Ends with the turn of the last call that was started. */
  #lastStart: Promise<void> = Promise.resolve()

  constructor(callsMax: number) {
    this.#callsMax = callsMax
  }

  /**
   * Calls `call` with each item. After a failure no further call starts. The failure is thrown when all running
   * calls have ended, so that none of them can take effect later.
   */
  async forEach<Item>(items: readonly Item[], call: (item: Item) => Promise<void>): Promise<void> {
    const failures: unknown[] = []
    let next = 0
    const work = async () => {
      while (next < items.length && failures.length === 0) {
        const item = items[next] as Item
        next += 1
        try {
          await this.#run(() => call(item))
        } catch (error) {
          failures.push(error)
        }
      }
    }
    await Promise.all(Array.from({ length: Math.min(items.length, this.#callsMax) }, work))
    if (failures.length > 0) throw failures[0]
  }

  async #run(call: () => Promise<void>): Promise<void> {
    if (this.#callsUnderWay < this.#callsMax) this.#callsUnderWay += 1
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      this.#lastStart = this.#lastStart.then(nextTurn)
      await this.#lastStart
      await call()
    } finally {
      // The slot goes directly to the next waiting call, so that no new call can take it first.
      const resume = this.#waiting.shift()
      if (resume === undefined) this.#callsUnderWay -= 1
      else resume()
    }
  }
}
