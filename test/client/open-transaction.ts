/** An open transaction of a transactional id, by HTTP calls. */
import { encodeBatch } from '../../src/core/batch/batch-builder.ts'

export interface OpenTransaction {
  readonly id: string
  end(outcome: 'commit' | 'abort'): Promise<void>
}

/** Stores records in partition 0 of a topic, in a transaction that stays open. */
export async function openTransaction(
  url: string,
  id: string,
  topic: string,
  values: readonly string[],
): Promise<OpenTransaction> {
  const call = async (method: string, path: string, body: BodyInit, headers: object) => {
    const headersOf = { 'content-type': 'application/json', ...headers }
    const response = await fetch(url + path, { method, body, headers: headersOf })
    if (!response.ok) throw new Error(await response.text())
    return await response.json()
  }
  const path = `/v1/transactions/${id}`
  const producer = (await call('PUT', path, '{}', {})) as {
    producerId: string
    producerEpoch: number
  }
  const batch = encodeBatch(
    values.map((value) => {
      return { timestamp: 1, key: null, value: new TextEncoder().encode(value), headers: [] }
    }),
    {
      ...producer,
      ...{ producerId: BigInt(producer.producerId), baseSequence: 0, isTransactional: true },
    },
  )
  await call('POST', `/v1/topics/${topic}/partitions/0/records`, batch, {
    ...{ 'content-type': 'application/vnd.edgelog.batch', 'edgelog-transaction': id },
  })
  return {
    id,
    end: async (outcome) => {
      await call('POST', `${path}/${outcome}`, JSON.stringify(producer), {})
    },
  }
}
