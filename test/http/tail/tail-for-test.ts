/** A cluster whose partitions send what a test says, and remember what they are told. */
import { Cluster, type ClusterEnv, newCaches } from '../../../src/broker/cluster.ts'
import { encodeBatch } from '../../../src/core/batch/batch-builder.ts'
import { encodeTailFrame } from '../../../src/core/log/tail-protocol.ts'
import { resolveTopicConfig } from '../../../src/core/topic/topic-config.ts'

let topicsMade = 0

export class FakeTail extends EventTarget {
  readonly said: string[] = []
  isClosed = false
  readonly #first: Uint8Array<ArrayBuffer> | undefined

  constructor(first: Uint8Array<ArrayBuffer> | undefined) {
    super()
    this.#first = first
  }

  accept(): void {
    if (this.#first !== undefined) this.frame(this.#first)
  }

  send(text: string): void {
    this.said.push(text)
  }

  close(): void {
    this.isClosed = true
  }

  frame(frame: Uint8Array<ArrayBuffer>): void {
    this.dispatchEvent(new MessageEvent('message', { data: frame.slice().buffer }))
  }
}

export interface FakeCluster {
  readonly cluster: Cluster
  readonly topic: string
  /** In the order in which they were opened. */
  readonly tails: FakeTail[]
}

/**
 * @param highWatermark of every partition: from 0 on, that much is to come.
 * @param first the frame that each sends as soon as it may.
 */
export function fakeCluster(highWatermark = 0, first?: Uint8Array<ArrayBuffer>): FakeCluster {
  topicsMade += 1
  const name = `tailed-${topicsMade}`
  const topic = {
    id: `id-${topicsMade}`,
    name,
    partitions: 1_000,
    version: 1,
    config: resolveTopicConfig({}),
    overrides: {},
  }
  const tails: FakeTail[] = []
  const headers = new Headers({
    'edgelog-offset': '0',
    'edgelog-high-watermark': String(highWatermark),
    'edgelog-last-stable-offset': String(highWatermark),
    'edgelog-log-start-offset': '0',
  })
  const fetch = async () => {
    const webSocket = new FakeTail(first)
    tails.push(webSocket)
    return { headers, webSocket }
  }
  const env = {
    COORDINATOR: { getByName: () => ({ getTopic: async () => ({ ok: topic }) }) },
    PARTITION: { idFromName: (objectName: string) => objectName, get: () => ({ fetch }) },
  }
  return { cluster: new Cluster(env as unknown as ClusterEnv, newCaches()), topic: name, tails }
}

export function subscriptions(topic: string, count: number) {
  return Array.from({ length: count }, (_, id) => ({
    id,
    topic,
    partition: id,
    offset: 0,
    creditBytes: 1_000,
    isolation: 'committed' as const,
  }))
}

/** A frame with one batch of one record at offset 0. */
export function frame(valueBytes: number, highWatermark: number): Uint8Array<ArrayBuffer> {
  const batch = encodeBatch([
    { timestamp: 0, key: null, value: new Uint8Array(valueBytes), headers: [] },
  ])
  const ends = { highWatermark, lastStableOffset: highWatermark, logStartOffset: 0 }
  return encodeTailFrame({ from: 0, to: 1, ...ends }, [batch], batch.length)
}

/** Lets promises run, without letting time pass. */
export async function turns(): Promise<void> {
  for (let turn = 0; turn < 200; turn++) await Promise.resolve()
}

/** What a stream has to say until it pauses or ends. */
export async function takeAll(stream: ReadableStream<Uint8Array>): Promise<string> {
  const reader = stream.getReader()
  let taken = ''
  const deadline = setTimeout(() => void reader.cancel(), 200)
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    taken += new TextDecoder().decode(part.value)
  }
  clearTimeout(deadline)
  return taken
}
