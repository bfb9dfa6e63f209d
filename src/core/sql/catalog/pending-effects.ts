/** The effects of statements that are not carried out yet: which one comes next, and which ones are superseded. */
import type { CatalogEffect, PendingEffect } from './catalog-api.ts'
import { type CatalogQuery, rowOf } from './catalog-state.ts'

type Queries = Readonly<Record<string, CatalogQuery>>

/** Returns the things that an effect changes or needs. Effects that share one are carried out in their order. */
export function targetsOf({ sequence, effect }: PendingEffect, queries: Queries): string[] {
  const statement = `statement ${sequence}`
  if (effect.kind === 'create-topic' || effect.kind === 'delete-topic') {
    return [statement, `topic ${effect.name}`]
  }
  const query = effect.kind === 'deploy' ? rowOf(queries, effect.id) : undefined
  const topics = query?.sources.map(({ topic }) => `topic ${topic}`) ?? []
  return [statement, `query ${effect.id}`, ...topics]
}

/**
 * Returns the next effect: the first one that neither failed nor waits for one that failed. So a topic that cannot be
 * created keeps only the queries waiting that need it.
 *
 * @param failed Targets of the effects that failed in this pass.
 */
export function nextEffect(
  pending: readonly PendingEffect[],
  queries: Queries,
  failed: ReadonlySet<string>,
): PendingEffect | undefined {
  const blocked = new Set(failed)
  for (const one of pending) {
    const targets = targetsOf(one, queries)
    if (!targets.some((target) => blocked.has(target))) return one
    for (const target of targets) blocked.add(target)
  }
  return undefined
}

/** Returns whether an earlier effect need not be carried out, because a later one undoes it. */
export function isSuperseded(earlier: CatalogEffect, later: CatalogEffect): boolean {
  if (later.kind === 'delete-topic') {
    return earlier.kind === 'create-topic' && earlier.name === later.name
  }
  return later.kind === 'stop' && 'id' in earlier && earlier.id === later.id
}
