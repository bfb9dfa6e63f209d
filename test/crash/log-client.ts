/** Minimal client for crash runs: sends bytes and returns the result, without retries. */

import { decodeBatch } from '../../src/core/batch/decode-records.ts'
import { readBatchHeaders, verifyCrc } from '../../src/core/batch/record-batch.ts'
import { CODECS } from '../../src/core/compression/codecs.ts'
import type { Outcome, StoredBatch } from './history.ts'

const BATCH = 'application/vnd.edgelog.batch'
const REQUEST_MS_MAX = 5_000
const text = new TextDecoder()

export type TopicConfigs = Readonly<Record<string, string | number | boolean>>

export class LogClient {
  readonly #url: string
  readonly #topic: string

  constructor(url: string, topic: string) {
    this.#url = url
    this.#topic = topic
  }

  /** Creates the topic. @returns its id */
  async createTopic(partitions: number, config: TopicConfigs = {}): Promise<string> {
    const response = await fetch(`${this.#url}/v1/topics`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ name: this.#topic, partitions, config }),
    })
    if (response.status !== 201) throw new Error(`create: ${await response.text()}`)
    const { id } = (await response.json()) as { id: string }
    return id
  }

  /** Returns how many offsets of all partitions are in R2 only. */
  async tieredOffsets(): Promise<number> {
    const response = await fetch(`${this.#url}/v1/topics/${this.#topic}`)
    const { partitionDetails } = (await response.json()) as {
      partitionDetails: { logStartOffset: number; remote?: { localStartOffset: number } }[]
    }
    return partitionDetails.reduce(
      (sum, { logStartOffset, remote }) =>
        sum + (remote?.localStartOffset ?? logStartOffset) - logStartOffset,
      0,
    )
  }

  async append(partition: number, batches: Uint8Array<ArrayBuffer>): Promise<Outcome> {
    let status: number
    let answer: { baseOffsets: number[]; error?: { code: string } }
    try {
      const response = await fetch(this.#records(partition), {
        method: 'POST',
        headers: { 'Content-Type': BATCH },
        body: batches,
        signal: AbortSignal.timeout(REQUEST_MS_MAX),
      })
      status = response.status
      answer = await response.json()
    } catch (error) {
      return { kind: 'unknown', why: String(error) }
    }
    if (status === 200) return { kind: 'ok', baseOffsets: answer.baseOffsets }
    const code = answer.error?.code ?? String(status)
    return status < 500 ? { kind: 'fail', code } : { kind: 'unknown', why: code }
  }

  /** Reads whole batches from `offset` on; returns undefined if the server does not respond. */
  async read(partition: number, offset: number): Promise<StoredBatch[] | undefined> {
    let bytes: Uint8Array
    try {
      const response = await fetch(`${this.#records(partition)}?offset=${offset}&waitMs=100`, {
        headers: { Accept: BATCH },
        signal: AbortSignal.timeout(REQUEST_MS_MAX),
      })
      if (response.status !== 200) return undefined
      bytes = new Uint8Array(await response.arrayBuffer())
    } catch {
      return undefined
    }
    return await decode(bytes)
  }

  #records(partition: number): string {
    return `${this.#url}/v1/topics/${this.#topic}/partitions/${partition}/records`
  }
}

/** Decodes stored batches. @throws if one is damaged: L4 covers every byte that is read. */
async function decode(bytes: Uint8Array): Promise<StoredBatch[]> {
  if (bytes.length === 0) return []
  const batches: StoredBatch[] = []
  for (const header of readBatchHeaders(bytes)) {
    verifyCrc(bytes, header)
    const records = await decodeBatch(bytes, header, CODECS)
    const values = records.map(({ value }) => text.decode(value ?? new Uint8Array(0)))
    batches.push({ baseOffset: header.baseOffset, values })
  }
  return batches
}
