/**
 * Numbers the connections of clients by the time of their accept, in microseconds. A coordinator refuses a call over
 * an earlier connection of a client that has gone on over a later one: it is late, and of an earlier transaction.
 */
export class ConnectionNumbers {
  #last = 0

  /** Returns a number that is larger than all before. */
  next(nowMs: number): number {
    this.#last = Math.max(this.#last + 1, nowMs * 1_000)
    return this.#last
  }
}

/** Reads a number from a header; undefined if it is none. */
export function parseConnectionNumber(text: string | undefined): number | undefined {
  const number = /^\d{1,16}$/.test(text ?? '') ? Number(text) : Number.NaN
  return Number.isSafeInteger(number) ? number : undefined
}
