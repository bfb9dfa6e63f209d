/** A cache with a limit in bytes. What was used last stays. */
export class SizedCache<Value> {
  readonly #bytesMax: number
  readonly #entries = new Map<string, { readonly value: Value; readonly sizeBytes: number }>()
  #usedBytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get(key: string): Value | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry.value
  }

  set(key: string, value: Value, sizeBytes: number): void {
    this.delete(key)
    if (sizeBytes > this.#bytesMax) return
    this.#entries.set(key, { value, sizeBytes })
    this.#usedBytes += sizeBytes
    for (const oldest of this.#entries.keys()) {
      if (this.#usedBytes <= this.#bytesMax) break
      this.delete(oldest)
    }
  }

  delete(key: string): void {
    this.#usedBytes -= this.#entries.get(key)?.sizeBytes ?? 0
    this.#entries.delete(key)
  }
}
