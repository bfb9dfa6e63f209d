/** Slots that are done with before they are given back, so that giving them back stays cheap. */
const SPENT_MAX = 1024

/** First in, first out: `shift` in constant time, and nothing that was taken is held any longer. */
export class Fifo<T> {
  #items: Array<T | undefined> = []
  /** How many at the front are taken. */
  #spent = 0

  get length(): number {
    return this.#items.length - this.#spent
  }

  get first(): T | undefined {
    return this.#items[this.#spent]
  }

  push(item: T): void {
    this.#items.push(item)
  }

  shift(): void {
    if (this.length === 0) return
    this.#items[this.#spent] = undefined
    this.#spent += 1
    const isMostlySpent = this.#spent >= SPENT_MAX && this.#spent * 2 >= this.#items.length
    if (this.length > 0 && !isMostlySpent) return
    this.#items = this.#items.slice(this.#spent)
    this.#spent = 0
  }

  /** Slots that are allocated, taken ones included. */
  get capacity(): number {
    return this.#items.length
  }
}
