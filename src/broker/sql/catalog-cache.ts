/** The catalog as this isolate read it last. A request asks whether it is still the latest, unless it only reads. */

import { CATALOG_FRESH_MS } from '../../core/limits.ts'
import { type CatalogState, EMPTY_CATALOG } from '../../core/sql/catalog/catalog-state.ts'

export class CatalogCache {
  #state = EMPTY_CATALOG
  #confirmedAtMs = 0

  get state(): CatalogState {
    return this.#state
  }

  /** Returns whether the state was the latest a moment ago: good enough to read a table that it has. */
  isFresh(nowMs: number): boolean {
    return this.#state.sequence > 0 && nowMs - this.#confirmedAtMs < CATALOG_FRESH_MS
  }

  /** Keeps a state, unless a later one is kept: responses may arrive out of order. */
  keep(state: CatalogState): void {
    if (state.sequence > this.#state.sequence) this.#state = state
    if (state.sequence === this.#state.sequence) this.#confirmedAtMs = Date.now()
  }
}
