/** Inserts rows that arrive as JSON objects, many at a time. */
import { topicResource } from '../../core/access/resource.ts'
import { EdgelogError } from '../../core/errors.ts'
import { sourceNamed } from '../../core/sql/catalog/catalog-state.ts'
import { recordOfJson } from '../../core/sql/catalog/insert-json.ts'
import { refuseUnwritable } from '../../core/sql/catalog/insert-values.ts'
import { SqlError } from '../../core/sql/errors.ts'
import { parseTopicName } from '../../core/topic/topic-name.ts'
import type { Access } from '../access.ts'
import type { Cluster } from '../cluster.ts'
import { produceRecords } from '../produce.ts'
import { readCatalog } from './read-catalog.ts'
import { ENVIRONMENT } from './statement-context.ts'

/**
 * Inserts rows, each the text of a JSON object.
 *
 * @returns for each row the error with which it was refused; undefined: it is in the log.
 */
export type RowInserter = (rows: readonly string[]) => Promise<ReadonlyArray<Error | undefined>>

/** @throws {EdgelogError} `invalid_statement` for a source that does not exist, or takes no rows. */
export async function openInserts(
  cluster: Cluster,
  access: Access,
  target: string,
): Promise<RowInserter> {
  const { state } = await readCatalog(cluster)
  const source = refusedAsStatement(() => {
    const found = sourceNamed(state, target)
    refuseUnwritable(found)
    return found
  })
  const topic = parseTopicName(source.topic, 'topic')
  await access.check('write', topicResource(topic))
  return async (rows) => {
    const errors = new Array<Error | undefined>(rows.length).fill(undefined)
    const indexes: number[] = []
    const records = rows.flatMap((text, index) => {
      try {
        const made = refusedAsStatement(() => recordOfJson(text, source, ENVIRONMENT.nowMs()))
        indexes.push(index)
        const { key, value, timestamp } = made
        return [{ key, value, timestamp, headers: [], partition: undefined }]
      } catch (error) {
        errors[index] = error as Error
        return []
      }
    })
    if (records.length === 0) return errors
    try {
      await produceRecords(cluster, topic, records)
    } catch (error) {
      if (!(error instanceof EdgelogError)) throw error
      // Some partitions may have their records.
      const { offsets } = (error.details ?? {}) as { readonly offsets?: readonly unknown[] }
      for (const [at, index] of indexes.entries()) if (offsets?.[at] == null) errors[index] = error
    }
    return errors
  }
}

function refusedAsStatement<T>(decide: () => T): T {
  try {
    return decide()
  } catch (error) {
    if (!(error instanceof SqlError)) throw error
    throw new EdgelogError('invalid_statement', error.message, { cause: error })
  }
}
