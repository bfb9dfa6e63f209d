/** The rows by which one state of the catalog differs from another. */
import type { CatalogChanges } from './catalog-api.ts'
import type { CatalogState } from './catalog-state.ts'

/** Rows that are the same object in both states did not change: statements replace only what they change. */
export function changesBetween(before: CatalogState, after: CatalogState): CatalogChanges {
  return {
    sources: changedRows(before.sources, after.sources),
    types: changedRows(before.types, after.types),
    queries: changedRows(before.queries, after.queries),
  }
}

function changedRows<Row>(
  before: Readonly<Record<string, Row>>,
  after: Readonly<Record<string, Row>>,
): Record<string, Row | null> {
  const gone = Object.keys(before).filter((name) => !Object.hasOwn(after, name))
  const changed = Object.entries(after).filter(
    ([name, row]) => !Object.hasOwn(before, name) || before[name] !== row,
  )
  // Not by assignment: a source may have the name __proto__.
  return Object.fromEntries([...gone.map((name) => [name, null] as const), ...changed])
}
