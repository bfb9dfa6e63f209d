/** Emptied slots that are kept before they are freed together, which keeps `shift` cheap. */
const SPENT_MAX = 1024

/** First in, first out: `shift` takes constant amortised time and releases the item at once. */
export class Fifo<T> {
  #items: Array<T | undefined> = []
  /** Number of emptied slots at the front. */
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

  /** Allocated slots, emptied ones included. */
  get capacity(): number {
    return this.#items.length
  }
}
