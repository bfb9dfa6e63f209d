/**
 * Counts what one-record appends cost by request and over a session: calls to the partition, and rows written, until
 * they are sealed.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ServerProcess } from '../server/server-process.ts'
import type { RowsWritten } from './counting-worker.ts'
import { HttpLoad } from './http-load.ts'
import { SessionLoad } from './session-load.ts'
import { BATCH, createTopic, randomBatch } from './throughput.ts'

const APPENDS = 10_000
/** The alarm that seals runs 2 s after the appends. */
const QUIET_MS = 5_000

export interface AppendCost {
  readonly way: string
  /** Both per 1,000 appends. */
  readonly calls: number
  readonly rows: number
}

/** @param server runs the counting Worker */
export async function measureAppendCost(server: ServerProcess): Promise<AppendCost[]> {
  const load = new HttpLoad(server.url)
  const body = randomBatch(1)
  // A topic for each way: chunks that are not sealed yet do not count for the next one.
  await load.call(createTopic('requests'))
  const path = '/v1/topics/requests/partitions/0/records'
  const post = { method: 'POST', path, body, headers: { 'Content-Type': BATCH } } as const
  const costs = [
    await costOf(load, 'requests, 32 in flight', () => load.rate(APPENDS, 32, () => post)),
  ]
  for (const inFlight of [1, 32, 256]) {
    const topic = `session-${inFlight}`
    await load.call(createTopic(topic))
    const session = await SessionLoad.open(server.url, topic, 1)
    const append = () => session.rate(APPENDS, inFlight, body)
    costs.push(await costOf(load, `a session, ${inFlight} in flight`, append))
    session.close()
  }
  return costs
}

async function costOf(
  load: HttpLoad,
  way: string,
  append: () => Promise<unknown>,
): Promise<AppendCost> {
  const read = async <T>(path: string): Promise<T> =>
    JSON.parse((await load.call({ method: 'GET', path })).toString())
  const counts = async () => {
    const { partition } = await read<RowsWritten>('/rows-written')
    return { calls: await read<number>('/append-calls'), rows: partition.rows + partition.alarms }
  }
  const before = await counts()
  await append()
  const after = await untilQuiet(counts)
  const perThousand = (count: number) => (count * 1_000) / APPENDS
  return {
    way,
    calls: perThousand(after.calls - before.calls),
    rows: perThousand(after.rows - before.rows),
  }
}

/** Returns the counts when they have not changed for a while. */
async function untilQuiet<Counts>(read: () => Promise<Counts>): Promise<Counts> {
  let last = await read()
  for (;;) {
    await sleep(QUIET_MS)
    const now = await read()
    if (JSON.stringify(now) === JSON.stringify(last)) return now
    last = now
  }
}
