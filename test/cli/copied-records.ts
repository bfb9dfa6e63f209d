/** Reads what a copy of a topic must have: all records, each with its offset, and the ends of the log. */
import type { Client } from '../../client/index.ts'

export interface Copied {
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: unknown
}

/** Returns all records of a topic as they are in the log. */
export async function copiedRecords(client: Client, url: string, topic: string): Promise<Copied[]> {
  const records: Copied[] = []
  const { partitionDetails = [] } = await client.admin.describeTopic(topic)
  for (const { partition, logStartOffset, lastStableOffset } of partitionDetails) {
    for (let offset = logStartOffset; offset < lastStableOffset; ) {
      const path = `/v1/topics/${topic}/partitions/${partition}/records?offset=${offset}`
      const response = await fetch(url + path)
      const page = (await response.json()) as { records: Copied[]; nextOffset: number }
      for (const record of page.records) records.push({ ...record, partition })
      offset = page.nextOffset
    }
  }
  return records
}

/** Returns the log start and the end of each partition. */
export async function logEnds(client: Client, topic: string): Promise<[number, number][]> {
  const { partitionDetails = [] } = await client.admin.describeTopic(topic)
  return partitionDetails.map(({ logStartOffset, highWatermark }) => [
    logStartOffset,
    highWatermark,
  ])
}
