/** Reads the rows of a source from the copy of the log that this browser has. */
import type { LogRecord } from '../../../src/core/batch/record.ts'
import { EdgelogError } from '../../../src/core/errors.ts'
import { readableEnd } from '../../../src/core/log/log-ends.ts'
import type { Source } from '../../../src/core/sql/catalog/source.ts'
import { PULL_ROWS_MAX, READ_BYTES } from '../../../src/core/sql/limits.ts'
import type { rowSelector, SelectedRow } from '../../../src/core/sql/query/select-row.ts'
import type { Consumer, ConsumerContext } from '../../consumer/consumer.ts'
import { decodeFetched } from '../../streams/runner/fetch-records.ts'

export interface PageLog extends Pick<ConsumerContext, 'source' | 'metadata' | 'codecs'> {
  readonly consumer: (topic: string, from: 'earliest' | 'latest') => Promise<Consumer>
}

export interface ReadPlace {
  readonly log: PageLog
  readonly source: Source
  readonly select: ReturnType<typeof rowSelector>
  readonly signal: AbortSignal
}

/** Reads to the ends that the partitions have when they are begun. Of a table, the latest row of each key. */
export async function* pullRows(place: ReadPlace): AsyncGenerator<readonly SelectedRow[], void> {
  const { source, select } = place
  let count = 0
  const latest = new Map<string, SelectedRow>()
  for await (const { records, partition } of recordsOf(place)) {
    const rows: SelectedRow[] = []
    for (const record of records) {
      const row = select({ ...record, partition })
      if (source.kind === 'TABLE' && record.key !== null) {
        const key = keyText(record.key)
        if (row === undefined || row.isTombstone === true) latest.delete(key)
        else latest.set(key, row)
      } else if (row !== undefined && source.kind === 'STREAM') rows.push(row)
    }
    count += rows.length
    if (Math.max(count, latest.size) > PULL_ROWS_MAX) {
      const why = `the result has more than ${PULL_ROWS_MAX} rows; a condition or LIMIT makes it smaller`
      throw new EdgelogError('invalid_statement', why)
    }
    if (rows.length > 0) yield rows
  }
  if (latest.size > 0) yield [...latest.values()]
}

/** Reads without end, and goes on with the records that come later. */
export async function* pushRows(
  { log, source, select, signal }: ReadPlace,
  from: 'earliest' | 'latest',
): AsyncGenerator<readonly SelectedRow[], void> {
  const consumer = await log.consumer(source.topic, from)
  const stop = () => void consumer.close()
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop)
  try {
    for await (const { partition, records } of consumer) {
      const rows = records.flatMap((record) => {
        const headers = record.headers.map(([key, value]) => ({ key, value }))
        const { key, value, offset, timestamp } = record
        return select({ key, value, offset, timestamp, headers, partition }) ?? []
      })
      if (rows.length > 0) yield rows
    }
  } finally {
    signal.removeEventListener('abort', stop)
    await consumer.close()
  }
}

interface PartitionRecords {
  readonly partition: number
  readonly records: readonly LogRecord[]
}

async function* recordsOf({
  log,
  source: { topic },
  signal,
}: ReadPlace): AsyncGenerator<PartitionRecords, void> {
  const { partitions } = await log.metadata.load(topic)
  for (let partition = 0; partition < partitions; partition++) {
    let at: number | 'earliest' = 'earliest'
    let end: number | undefined
    while (!signal.aborted && (at === 'earliest' || end === undefined || at < end)) {
      const options = { from: at, maxBytes: READ_BYTES, waitMs: 0, signal }
      const fetched = await log.source.fetch(topic, partition, options)
      end ??= readableEnd(fetched, 'committed')
      const { records, to } = await decodeFetched(fetched, log.codecs)
      yield { partition, records }
      if (to === at) break
      at = to
    }
  }
}

/** Returns bytes as a text, which is the same for the same bytes only. */
function keyText(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}
