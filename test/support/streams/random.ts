/** Repeatable random choices (mulberry32). */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** Returns a whole number from 0 to `count - 1`. */
  readonly below = (count: number): number => Math.floor(this.#next() * count)

  readonly chance = (probability: number): boolean => this.#next() < probability

  readonly pick = <T>(list: readonly T[]): T => list[this.below(list.length)] as T

  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
