/** Counts rows written per 1,000 records in batches of 100: at the append, and over the records' whole life. */
import type { ServerProcess } from '../server/server-process.ts'
import type { RowsWritten } from './counting-worker.ts'
import { HttpLoad, postJson } from './http-load.ts'
import { BATCH, batchOf } from './throughput.ts'

const BATCHES = 1_000
/** Long enough for the alarms of sealing and of retention. */
const LIFE_MS_MAX = 60_000

export interface RowFigures {
  readonly atAppend: number
  readonly wholeLife: number
}

/** Appends records and waits until they expire. @param server runs the counting Worker */
export async function measureRows(server: ServerProcess): Promise<RowFigures> {
  const load = new HttpLoad(server.url)
  const create = { name: 'rows', config: { 'retention.ms': 20_000 } }
  await load.call(postJson('/v1/topics', create))
  const rows = async () => {
    const answer = await load.call({ method: 'GET', path: '/rows-written' })
    const { partition }: RowsWritten = JSON.parse(answer.toString())
    return partition.rows + partition.alarms
  }
  const perThousand = (count: number) => count / ((BATCHES * 100) / 1_000)
  const before = await rows()
  const body = batchOf(61 + 100 * 110)
  const path = '/v1/topics/rows/partitions/0/records'
  // One at a time is the worst case: each batch needs its own commit.
  await load.rate(BATCHES, 1, () => ({
    method: 'POST',
    path,
    body,
    headers: { 'Content-Type': BATCH },
  }))
  const atAppend = perThousand((await rows()) - before)
  const deadlineMs = Date.now() + LIFE_MS_MAX
  for (;;) {
    const answer = await load.call({ method: 'GET', path: '/v1/topics/rows' })
    const [partition] = JSON.parse(answer.toString()).partitionDetails
    if (partition.logStartOffset === BATCHES * 100) break
    if (Date.now() > deadlineMs) throw new Error('the records did not expire')
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
  return { atAppend, wholeLife: perThousand((await rows()) - before) }
}
