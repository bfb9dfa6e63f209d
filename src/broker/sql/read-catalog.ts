/** Reads the catalog of SQL. */
import type { CatalogView } from '../../core/sql/catalog/catalog-api.ts'
import type { CatalogState } from '../../core/sql/catalog/catalog-state.ts'
import { SEQUENCE_PAUSE_MS } from '../../core/sql/limits.ts'
import type { Cluster } from '../cluster.ts'

export type LatestCatalog = CatalogView & { readonly state: CatalogState }

export async function readCatalog({ objects, catalog }: Cluster): Promise<LatestCatalog> {
  const known = catalog.state
  const view = await objects.callCatalog((stub) => stub.read(known.sequence))
  const state = view.state ?? known
  catalog.keep(state)
  return { ...view, state }
}

/** Returns false if the catalog does not have the statement with this number in time. */
export async function waitForSequence(
  cluster: Cluster,
  wanted: number,
  maxWaitMs: number,
): Promise<boolean> {
  const deadlineMs = Date.now() + maxWaitMs
  for (;;) {
    const { sequence } = await readCatalog(cluster)
    if (sequence >= wanted) return true
    if (Date.now() >= deadlineMs) return false
    await new Promise((resolve) => setTimeout(resolve, SEQUENCE_PAUSE_MS))
  }
}
