/** Counts the rows that a transaction writes in all objects, and the alarms that it sets. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ServerProcess } from '../server/server-process.ts'
import type { RowsWritten } from './counting-worker.ts'
import { HttpLoad, postJson } from './http-load.ts'
import { createTopic } from './throughput.ts'
import { TransactionalProducer } from './transaction-rates.ts'

const TRANSACTIONS = 500
/** Single calls are spread over 64 coordinators, each of which makes its tables once. */
const WARM_UPS = 400
const PARTITIONS = 3
/** Completion is written with the next call or by an alarm, and the chunks are sealed by one. */
const QUIET_MS = 5_000

export interface TransactionCost {
  readonly way: string
  /** Per transaction. */
  readonly rows: number
}

/** @param server runs the counting Worker */
export async function measureTransactionCost(server: ServerProcess): Promise<TransactionCost[]> {
  const load = new HttpLoad(server.url)
  for (const topic of ['cost-plain', 'cost-one-shot', 'cost-many', 'cost-source']) {
    await load.call(createTopic(topic, PARTITIONS))
  }
  const recordsOf = (topic: string) =>
    Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition, value: 'x' }))
  const offsets = [{ topic: 'cost-source', partition: 0, offset: 0 }]
  const target = { id: 'cost', topic: 'cost-many', partitions: PARTITIONS }
  const producer = await TransactionalProducer.init(load, target)
  return [
    await costOf(load, 'three appends without a transaction', async () => {
      for (const { topic, partition, value } of recordsOf('cost-plain')) {
        const path = `/v1/topics/${topic}/partitions/${partition}/records`
        await load.call(postJson(path, { records: [{ value }] }))
      }
    }),
    await costOf(load, 'one call, 3 partitions', () =>
      load.call(postJson('/v1/transactions', { records: recordsOf('cost-one-shot') })),
    ),
    await costOf(load, 'several calls, 3 partitions and one offset', () =>
      producer.transaction({ group: 'cost', offsets }),
    ),
  ]
}

async function costOf(
  load: HttpLoad,
  way: string,
  work: () => Promise<unknown>,
): Promise<TransactionCost> {
  const count = async () => {
    const counted = await load.call({ method: 'GET', path: '/rows-written' })
    const written: RowsWritten = JSON.parse(counted.toString())
    return Object.values(written).reduce((sum, { rows, alarms }) => sum + rows + alarms, 0)
  }
  for (let index = 0; index < WARM_UPS; index++) await work()
  await sleep(QUIET_MS)
  const before = await count()
  for (let index = 0; index < TRANSACTIONS; index++) await work()
  await sleep(QUIET_MS)
  return { way, rows: ((await count()) - before) / TRANSACTIONS }
}
