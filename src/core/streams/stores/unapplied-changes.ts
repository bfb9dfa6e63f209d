/** Changes of stored turns whose leaves are not loaded. */

/** Changes in the order of their keys. */
export class UnappliedChanges {
  readonly #changes = new Map<string, Uint8Array | null>()
  #keys: string[] | undefined

  set(key: string, bytes: Uint8Array | null): void {
    this.#changes.set(key, bytes)
    this.#keys = undefined
  }

  first(): string | undefined {
    for (const key of this.#changes.keys()) return key
    return undefined
  }

  /** Removes and returns the changes from a key up to, not including, another. */
  take(from: string, to: string | null): Array<readonly [key: string, Uint8Array | null]> {
    this.#keys ??= [...this.#changes.keys()].sort()
    const keys = this.#keys
    const taken: Array<readonly [string, Uint8Array | null]> = []
    for (let at = lowerBound(keys, from); at < keys.length; at++) {
      const key = keys[at] as string
      if (to !== null && key >= to) break
      const bytes = this.#changes.get(key)
      if (bytes === undefined) continue
      taken.push([key, bytes])
      this.#changes.delete(key)
    }
    return taken
  }
}

function lowerBound(keys: readonly string[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((keys[middle] as string) < key) low = middle + 1
    else high = middle
  }
  return low
}
