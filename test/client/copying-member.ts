/** Members of groups that copy their records to another topic in transactions. */
import type {
  Client,
  ConsumerBatch,
  Producer,
  ProducerOptions,
  Transaction,
} from '../../client/index.ts'
import { uniqueName } from '../server/shared-server.ts'
import { produce, range } from './group-member.ts'
import type { GroupServer } from './group-server.ts'

/** Creates a topic with the name of the group, five records in each partition, and a topic for results. */
export async function newGroup(
  server: GroupServer,
  partitions = 1,
): Promise<{ groupId: string; sink: string }> {
  const [groupId, sink] = [uniqueName('group'), uniqueName('sink')]
  await server.log.admin.createTopic(groupId, { partitions })
  await server.log.admin.createTopic(sink)
  for (const partition of range(0, partitions)) await produce(server.log, groupId, partition, 0, 5)
  return { groupId, sink }
}

/** Producers of both kinds, for `describe.each`. */
export const PRODUCERS = [
  ['without a transactional id', newProducer],
  [
    'with a transactional id',
    (client: Client, options: ProducerOptions = {}) =>
      newProducer(client, { ...options, transactionalId: uniqueName('id') }),
  ],
] as const

function newProducer(client: Client, options: ProducerOptions = {}): Producer {
  return client.createProducer(options)
}

/** Returns the values of committed records. */
export async function valuesOf(url: string, topic: string): Promise<string[]> {
  const path = `/v1/topics/${topic}/partitions/0/records?maxBytes=16777216`
  const { records } = (await (await fetch(url + path)).json()) as { records: { value: string }[] }
  return records.map(({ value }) => value)
}

/** Returns `partition:offset` of each record. */
export function keysOf({ records }: ConsumerBatch): string[] {
  return records.map(({ partition, offset }) => `${partition}:${offset}`)
}

/** Returns a handler that sends `partition:offset` of each record to `sink`. */
export function copyTo(sink: string) {
  return async (batch: ConsumerBatch, { tx }: { readonly tx: Transaction }): Promise<void> => {
    for (const value of keysOf(batch)) await tx.send(sink, { value })
  }
}

/** Returns `partition:offset` of all records below `end`. */
export function allKeys(partitions: number, end: number): string[] {
  return range(0, partitions)
    .flatMap((partition) => range(0, end).map((offset) => `${partition}:${offset}`))
    .toSorted()
}
