import type { StorePlacement } from '../core/streams/application-api.ts'
import { PLACEMENT_TTL_MS } from '../core/streams/limits.ts'

/** Where each store is, for the requests of one isolate. A store moves only when its application begins anew. */
export class PlacementCache {
  readonly #entries = new Map<string, { readonly placement: StorePlacement; untilMs: number }>()

  get(name: string, nowMs: number): StorePlacement | undefined {
    const entry = this.#entries.get(name)
    return entry !== undefined && entry.untilMs > nowMs ? entry.placement : undefined
  }

  set(name: string, placement: StorePlacement, nowMs: number): void {
    // Names of applications and stores are few, and are checked before they get here.
    this.#entries.set(name, { placement, untilMs: nowMs + PLACEMENT_TTL_MS })
  }

  delete(name: string): void {
    this.#entries.delete(name)
  }
}
