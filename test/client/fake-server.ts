/** A server in memory behind `fetch`: stores batches, and responds when the test allows it. */

import { clientCodecs } from '../../client/codecs.ts'
import { decodeBatch } from '../../src/core/batch/decode-records.ts'
import { readBatchHeaders } from '../../src/core/batch/record-batch.ts'

export interface FakeProduce {
  readonly partition: number
  readonly values: readonly string[]
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly sizeBytes: number
}

export class FakeServer {
  readonly produced: FakeProduce[] = []
  readonly calls: string[] = []
  partitions = 1
  maxMessageBytes = 1_048_588
  logAppendTime: number | null = null
  /** Returns the response in place of the log; undefined passes the request on. */
  refuse:
    | ((url: URL, method: string) => Promise<Response | undefined> | Response | undefined)
    | undefined
  /** Awaited before a batch is stored. */
  gate: Promise<void> | undefined
  #nextOffset = 0

  readonly fetch = async (input: string, init: RequestInit = {}): Promise<Response> => {
    const url = new URL(input)
    const method = init.method ?? 'GET'
    this.calls.push(`${method} ${url.pathname}`)
    const refused = await this.refuse?.(url, method)
    if (refused !== undefined) return refused
    if (method === 'GET') return Response.json(this.#topic())
    await waitFor(this.gate, init.signal ?? undefined)
    return await this.#append(url, init.body as unknown as Uint8Array)
  }

  #topic() {
    const config = { 'max.message.bytes': this.maxMessageBytes }
    return { name: 't', id: 'id', partitions: this.partitions, config }
  }

  async #append(url: URL, bytes: Uint8Array): Promise<Response> {
    const partition = Number(/partitions\/(\d+)\//.exec(url.pathname)?.[1])
    const baseOffset = this.#nextOffset
    for (const header of readBatchHeaders(bytes)) {
      const records = await decodeBatch(bytes, header, clientCodecs())
      const values = records.map(({ value }) => new TextDecoder().decode(value ?? undefined))
      const { producerId, producerEpoch, baseSequence, sizeBytes } = header
      const stamp = { producerId, producerEpoch, baseSequence }
      this.produced.push({ partition, values, sizeBytes, ...stamp })
      this.#nextOffset += records.length
    }
    return Response.json({
      baseOffset,
      nextOffset: this.#nextOffset,
      baseOffsets: [baseOffset],
      logAppendTime: this.logAppendTime,
    })
  }
}

function waitFor(gate: Promise<void> | undefined, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason))
    void (gate ?? Promise.resolve()).then(resolve)
  })
}
