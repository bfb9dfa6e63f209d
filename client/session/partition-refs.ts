/** The numbers by which the appends of a session name their partitions. */
import { SESSION_REFS_MAX } from '../../src/core/limits.ts'

export class PartitionRefs {
  readonly #open: (ref: number, topic: string, partition: number) => void
  /** Oldest first. */
  readonly #refs = new Map<string, number>()
  #nextRef = 0

  /** @param open called before a number is used for another partition */
  constructor(open: (ref: number, topic: string, partition: number) => void) {
    this.#open = open
  }

  /** Returns the number of a partition, which replaces the oldest one if all are in use. */
  refOf(topic: string, partition: number): number {
    const name = `${partition} ${topic}`
    const known = this.#refs.get(name)
    if (known !== undefined) return known
    const ref = this.#nextRef
    this.#nextRef = (ref + 1) % SESSION_REFS_MAX
    const [oldest] = this.#refs.keys()
    if (this.#refs.size === SESSION_REFS_MAX && oldest !== undefined) this.#refs.delete(oldest)
    this.#refs.set(name, ref)
    this.#open(ref, topic, partition)
    return ref
  }
}
