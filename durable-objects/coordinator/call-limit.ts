/** Limits the number of concurrent calls of all callers that share one instance. */

export class CallLimit {
  readonly #callsMax: number
  #callsUnderWay = 0
  readonly #waiting: (() => void)[] = []

  constructor(callsMax: number) {
    this.#callsMax = callsMax
  }

  /**
   * Calls `call` with 0 to `count` - 1. After a failure no further call starts. The failure is thrown when all running
   * calls have ended, so that none of them can take effect later.
   */
  async forEach(count: number, call: (index: number) => Promise<void>): Promise<void> {
    const failures: unknown[] = []
    let next = 0
    const work = async () => {
      while (next < count && failures.length === 0) {
        const index = next
        next += 1
        try {
          await this.#run(() => call(index))
        } catch (error) {
          failures.push(error)
        }
      }
    }
    await Promise.all(Array.from({ length: Math.min(count, this.#callsMax) }, work))
    if (failures.length > 0) throw failures[0]
  }

  async #run(call: () => Promise<void>): Promise<void> {
    if (this.#callsUnderWay < this.#callsMax) this.#callsUnderWay += 1
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      await call()
    } finally {
      // The slot goes directly to the next waiting call, so that no new call can take it first.
      const resume = this.#waiting.shift()
      if (resume === undefined) this.#callsUnderWay -= 1
      else resume()
    }
  }
}
