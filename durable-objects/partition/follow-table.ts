/** Waits for the table of a partition, for calls that read it. */
import { EdgelogError } from '../../src/core/errors.ts'
import type { TableRequest, TableResult } from '../../src/core/log/table-api.ts'
import type { PartitionLog } from './partition-log.ts'
import type { Waiters } from './waiters.ts'

/**
 * Returns the log when its table covers all committed records, and the offset `at`.
 *
 * @param openLog returns the log of the partition, which may be deleted meanwhile
 * @throws {EdgelogError} `table_not_enabled`; `unavailable` after `maxWaitMs`; the errors of `openLog`.
 */
export async function followTable(
  openLog: () => PartitionLog,
  waiters: Waiters,
  { at, maxWaitMs }: TableRequest,
): Promise<PartitionLog> {
  const deadlineMs = Date.now() + maxWaitMs
  for (;;) {
    const log = openLog()
    const { table, assignment } = log
    if (!table.isEnabled) {
      const why = 'has no table; edgelog.table.enable=true on a compacted topic is needed'
      throw new EdgelogError('table_not_enabled', `topic ${assignment.topic} ${why}`)
    }
    const isFollowed = await table.catchUp(deadlineMs)
    if (openLog() !== log) continue
    if (isFollowed && (at === undefined || table.offset > at)) return log
    const waitMs = deadlineMs - Date.now()
    if (waitMs <= 0 || waiters.isFull) throw tableBehind(log, at)
    if (isFollowed) await waiters.wait('committed', 1, waitMs)
  }
}

function tableBehind({ table, ends }: PartitionLog, at: number | undefined): EdgelogError {
  const wanted = at === undefined ? ends.lastStableOffset : at + 1
  const why = `the table has the records below ${table.offset}, and not yet those below ${wanted}`
  return new EdgelogError('unavailable', why)
}

/** Returns the fields that all results of table calls share. */
export function tableResult({ ends, table, assignment }: PartitionLog): TableResult {
  return { ...ends, tableOffset: table.offset, topicVersion: assignment.version }
}
