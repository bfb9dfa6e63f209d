/** PRINT: the records of a topic, shown as text. */
import { showBytes } from '../../core/sql/formats/shown-bytes.ts'
import type { ResultColumn } from '../../core/sql/query/select-plan.ts'
import type { Statement } from '../../core/sql/syntax/ast.ts'
import { BIGINT, INTEGER, STRING } from '../../core/sql/types/sql-type.ts'
import type { Access } from '../access.ts'
import type { Cluster } from '../cluster.ts'
import { type RowSelector, readTopic } from './read-log.ts'
import { limited, type ResultRows } from './result-rows.ts'

const COLUMNS: readonly ResultColumn[] = [
  { name: 'ROWTIME', type: BIGINT, isKey: false },
  { name: 'KEY', type: STRING, isKey: true },
  { name: 'VALUE', type: STRING, isKey: false },
  { name: 'ROWPARTITION', type: INTEGER, isKey: false },
  { name: 'ROWOFFSET', type: BIGINT, isKey: false },
]

/** Prints until the limit is reached, or the reader leaves. */
export async function printTopic(
  cluster: Cluster,
  access: Access,
  { topic, fromBeginning, interval = 1, limit }: Extract<Statement, { kind: 'print' }>,
  signal?: AbortSignal,
): Promise<ResultRows> {
  let count = 0
  const select: RowSelector = ({ timestamp, key, value, offset }, partition) => {
    // With INTERVAL n, every n-th record is shown.
    if (count++ % Math.max(1, interval) !== 0) return undefined
    return { values: [timestamp, showBytes(key).text, showBytes(value).text, partition, offset] }
  }
  const from = fromBeginning ? 'earliest' : 'latest'
  const options = { from, isPush: true, ...(signal === undefined ? {} : { signal }) } as const
  const rows = await readTopic(cluster, access, topic, select, options)
  const isEndless = limit === undefined
  const queryId = `print_${topic}_${crypto.randomUUID()}`
  return { queryId, columns: COLUMNS, kind: 'print', isEndless, rows: limited(rows, limit) }
}
