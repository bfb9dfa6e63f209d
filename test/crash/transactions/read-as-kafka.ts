/** Reads a partition as Kafka's clients do, which filter stored batches by a list of aborted transactions. */
import { decodeBatch } from '../../../src/core/batch/decode-records.ts'
import { readBatchHeaders } from '../../../src/core/batch/record-batch.ts'
import { CODECS } from '../../../src/core/compression/codecs.ts'
import { FETCH } from '../../../src/kafka/apis/fetch.ts'
import { committedAsKafka } from '../../support/committed-as-kafka.ts'
import type { TransactionClient } from './transaction-client.ts'
import type { Place } from './transaction-history.ts'

/** The last version that names topics. */
const VERSION = 12
const READ_COMMITTED = 1
const RESPONSE_BYTES = 65_536
const text = new TextDecoder()

/** @throws if the server does not respond. */
export async function readAsKafka(
  client: TransactionClient,
  place: Place,
): Promise<Array<{ offset: number; value: string }>> {
  const records: Array<{ offset: number; value: string }> = []
  for (let offset = 0; ; ) {
    const { batches, aborted } = await fetchFrom(client, place, offset)
    for (const header of committedAsKafka(batches, aborted)) {
      for (const record of await decodeBatch(batches, header, CODECS)) {
        const value = text.decode(record.value ?? new Uint8Array(0))
        if (record.offset >= offset) records.push({ offset: record.offset, value })
      }
    }
    const last = batches.length === 0 ? undefined : readBatchHeaders(batches).at(-1)
    if (last === undefined) return records
    offset = last.baseOffset + last.lastOffsetDelta + 1
  }
}

async function fetchFrom(client: TransactionClient, { topic, partition }: Place, offset: number) {
  const wanted = { partition, fetchOffset: offset, partitionMaxBytes: RESPONSE_BYTES }
  const limits = { maxWaitMs: 0, minBytes: 1, maxBytes: RESPONSE_BYTES }
  const reply = await client.kafka(FETCH, VERSION, {
    ...{ ...limits, isolationLevel: READ_COMMITTED },
    topics: [{ topic, partitions: [wanted] }],
  })
  const found = reply.kind === 'ok' ? reply.value.topics[0]?.partitions[0] : undefined
  if (found?.errorCode !== 0) throw new Error(`${topic}: ${JSON.stringify(reply)}`)
  return { batches: found.records ?? new Uint8Array(0), aborted: found.abortedTransactions ?? [] }
}
