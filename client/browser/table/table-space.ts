/**
 * Decides which tables stay when one has grown. A table is complete or it is no table, so whole tables are deleted:
 *
 *   together too large                    those that were not used for `TABLE_IDLE_MS`, the longest unused first
 *   still too large                       the one that grows: it is full
 *
 * A table in use is never deleted for another one: both would be copied again and again.
 */
import { EdgelogError } from '../../../src/core/errors.ts'
import { TABLE_IDLE_MS, TABLES_BYTES_MAX } from '../limits.ts'
import type { TablePartition, TableState } from '../store/schema.ts'

export interface SpacePlan {
  /** Topics whose tables are deleted. */
  readonly dropped: readonly string[]
  /** True if the table that has grown does not fit. */
  readonly isFull: boolean
}

/** Returns the size of a table: while it is built again, that of the new copies. */
export function tableBytes({ partitions }: Pick<TableState, 'partitions'>): number {
  return partitions.reduce((sum, { build, shown }: TablePartition) => {
    return sum + ((build ?? shown)?.sizeBytes ?? 0)
  }, 0)
}

/** The error of each use of a table that does not fit. */
export function tableFull(topic: string): EdgelogError {
  const limit = `${TABLES_BYTES_MAX / 2 ** 20} MiB`
  const why = `${topic}: this table does not fit; all tables of a browser may have ${limit} together`
  return new EdgelogError('storage_full', why)
}

/** @param growing the topic whose table has grown */
export function planSpace(
  states: readonly TableState[],
  growing: string,
  nowMs: number,
  bytesMax: number,
): SpacePlan {
  let sizeBytes = states.reduce((sum, state) => sum + tableBytes(state), 0)
  const idle = states
    .filter(({ topic, usedAtMs }) => topic !== growing && nowMs - usedAtMs >= TABLE_IDLE_MS)
    .filter((state) => tableBytes(state) > 0)
    .toSorted((one, other) => one.usedAtMs - other.usedAtMs)
  const dropped: string[] = []
  for (const state of idle) {
    if (sizeBytes <= bytesMax) break
    dropped.push(state.topic)
    sizeBytes -= tableBytes(state)
  }
  if (sizeBytes <= bytesMax) return { dropped, isFull: false }
  return { dropped: [], isFull: true }
}
