/** A random number generator with a seed (mulberry32). */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0
  }

  /** Returns a uint32. */
  uint32(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let value = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value
    return (value ^ (value >>> 14)) >>> 0
  }

  /** Returns a number from 0 up to, but not including, 1. */
  next(): number {
    return this.uint32() / 2 ** 32
  }

  /** Returns an integer from `min` to `max`, both included. */
  between(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1))
  }

  /** Returns an integer from 0 up to, but not including, `end`. */
  below(end: number): number {
    return this.uint32() % end
  }

  bytes(count: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(count).map(() => this.uint32())
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T
  }
}
