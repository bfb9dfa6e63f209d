/** Deadlines by key. A check costs nothing until one has passed. */
export class Timeouts {
  readonly #atMs = new Map<string, number>()
  /** Lower bound of the earliest deadline. */
  #nextMs = Number.POSITIVE_INFINITY

  set(key: string, atMs: number): void {
    this.#atMs.set(key, atMs)
    this.#nextMs = Math.min(this.#nextMs, atMs)
  }

  has(key: string): boolean {
    return this.#atMs.has(key)
  }

  delete(key: string): void {
    this.#atMs.delete(key)
  }

  clear(): void {
    this.#atMs.clear()
    this.#nextMs = Number.POSITIVE_INFINITY
  }

  /** Returns the keys whose deadline has passed; they stay until they are deleted or set again. */
  due(nowMs: number): readonly string[] {
    if (nowMs < this.#nextMs) return []
    const due = [...this.#atMs].filter(([, atMs]) => atMs <= nowMs).map(([key]) => key)
    this.#nextMs = this.earliestMs()
    return due
  }

  earliestMs(): number {
    let earliestMs = Number.POSITIVE_INFINITY
    for (const atMs of this.#atMs.values()) earliestMs = Math.min(earliestMs, atMs)
    return earliestMs
  }
}
