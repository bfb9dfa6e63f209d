/** The door with objects that take part in transactions, for its tests. */
import { encodeBatch } from '../../src/core/batch/batch-builder.ts'
import { EdgelogError, type ErrorCode } from '../../src/core/errors.ts'
import type { AppendRequest } from '../../src/core/log/partition-api.ts'
import { PRODUCE } from '../../src/kafka/apis/produce.ts'
import type { KafkaCaller } from '../../src/kafka/serve-frames.ts'
import { ask, brokerOf, callerOf, type Objects, topicOf } from './door.ts'

export const topic = topicOf('orders', { partitions: 3 })
export const PRODUCER = { transactionalId: 't', producerId: 7n, producerEpoch: 2 }

export function errorOf(code: ErrorCode) {
  return { error: new EdgelogError(code, `injected: ${code}`).toBody() }
}

export interface World {
  readonly caller: KafkaCaller
  /** Appended values, with the number of their transaction. */
  readonly appends: { readonly partition: string; readonly number: number | undefined }[]
  readonly calls: Record<string, unknown>[]
}

/** @param results of the coordinator, one per call; the last one is repeated. */
export function world(
  results: ReadonlyArray<{ ok: unknown } | { error: unknown }>,
  objects: Partial<Objects> = {},
  connection?: number,
): World {
  const appends: { partition: string; number: number | undefined }[] = []
  const calls: Record<string, unknown>[] = []
  const respond = (method: string) => async (request: object) => {
    calls.push({ method, ...request })
    return results[Math.min(calls.length, results.length) - 1]
  }
  const methods = ['initProducerId', 'addParticipants', 'verify', 'end'] as const
  const broker = brokerOf({
    coordinator: {
      getTopic: async () => ({ ok: topic }),
      getTopicById: async () => ({ ok: topic }),
    },
    partition: (name) => ({
      append: async ({ transaction }: AppendRequest) => {
        appends.push({ partition: name, number: transaction?.number })
        const resultOf = { nextOffset: 1, logAppendTime: null, logStartOffset: 0, topicVersion: 1 }
        return { ok: { ...resultOf, baseOffsets: [0] } }
      },
      describe: async () => ({ ok: { logStartOffset: 0, highWatermark: 9 } }),
    }),
    group: () => ({ commitOffsets: async () => ({ ok: null }) }),
    transaction: () => Object.fromEntries(methods.map((method) => [method, respond(method)])),
    ...objects,
  })
  return { caller: callerOf(broker, { connection }), appends, calls }
}

export function batchOf({
  producerId = 7n,
  sequence = 0,
  isTransactional = true,
} = {}): Uint8Array {
  const record = { timestamp: 0, key: null, value: null, headers: [] }
  const producer = { producerId, producerEpoch: 2, baseSequence: sequence }
  return encodeBatch([record], { ...producer, isTransactional })
}

export function produceRequest(batches: readonly Uint8Array[]) {
  const partitions = batches.map((records, index) => ({ index, records }))
  const topics = [{ name: topic.name, topicId: topic.id, partitions }]
  return { transactionalId: 't', acks: -1, timeoutMs: 1, topics }
}

export async function produce(caller: KafkaCaller, version: number, batches = [batchOf()]) {
  const response = await ask(caller, PRODUCE, version, produceRequest(batches))
  return response?.topics[0]?.partitions.map(({ errorCode }) => errorCode)
}
