/** A bound on calls under way, shared by everybody who is given the same object. */

export class CallLimit {
  readonly #callsMax: number
  #callsUnderWay = 0
  readonly #waiting: (() => void)[] = []

  constructor(callsMax: number) {
    this.#callsMax = callsMax
  }

  /**
   * Calls with 0 to `count` - 1. After a failure no further call begins; the failure is thrown once no
   * call is under way any more, so that nothing of it can still take effect later.
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
      // The place goes to the next in line directly, so that nobody can slip in between.
      const resume = this.#waiting.shift()
      if (resume === undefined) this.#callsUnderWay -= 1
      else resume()
    }
  }
}
