/** A broker whose partitions send what a test sets, and record what they receive. */
import { Broker } from '../../../src/broker/broker.ts'
import { newCaches } from '../../../src/broker/cluster.ts'
import type { ObjectBindings } from '../../../src/broker/objects.ts'
import { ANONYMOUS } from '../../../src/core/access/principal.ts'
import { encodeBatch } from '../../../src/core/batch/batch-builder.ts'
import { encodeTailFrame } from '../../../src/core/log/tail-protocol.ts'
import { resolveTopicConfig } from '../../../src/core/topic/topic-config.ts'

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

export interface FakeBroker {
  readonly broker: Broker
  readonly topic: string
  /** In the order in which they were opened. */
  readonly tails: FakeTail[]
}

/**
 * Makes a broker.
 *
 * @param highWatermark of every partition: so many offsets are still to be sent.
 * @param first the frame that each partition sends as soon as it may.
 */
export function fakeBroker(highWatermark = 0, first?: Uint8Array<ArrayBuffer>): FakeBroker {
  const name = 'tailed'
  const topic = {
    id: 'id',
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
  return {
    broker: new Broker({
      objects: env as unknown as ObjectBindings,
      caches: newCaches(),
      principal: ANONYMOUS,
    }),
    topic: name,
    tails,
  }
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

/** Makes a frame with one batch of one record at offset 0. */
export function frame(valueBytes: number, highWatermark: number): Uint8Array<ArrayBuffer> {
  const batch = encodeBatch([
    { timestamp: 0, key: null, value: new Uint8Array(valueBytes), headers: [] },
  ])
  const ends = { highWatermark, lastStableOffset: highWatermark, logStartOffset: 0 }
  return encodeTailFrame({ from: 0, to: 1, ...ends }, [batch], batch.length)
}

/** Lets promises run, without advancing the clock. */
export async function turns(): Promise<void> {
  for (let turn = 0; turn < 200; turn++) await Promise.resolve()
}

/** Returns what a stream sends until it pauses or ends. */
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
