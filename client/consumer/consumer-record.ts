/** Records as applications read them. */
import type { LogRecord } from '../../src/core/batch/record.ts'

const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true })

export type HeaderPair = readonly [name: string, value: Uint8Array | null]

const NO_HEADERS: readonly HeaderPair[] = Object.freeze([])

/** One record. Keys and values are bytes; the text of them is decoded when it is asked for. */
export class ConsumerRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Milliseconds since 1970; -1: none. */
  readonly timestamp: number
  readonly key: Uint8Array | null
  /** `null` is a tombstone. */
  readonly value: Uint8Array | null
  readonly headers: readonly HeaderPair[]

  /** @internal */
  constructor(topic: string, partition: number, record: LogRecord) {
    this.topic = topic
    this.partition = partition
    this.offset = record.offset
    this.timestamp = record.timestamp
    this.key = record.key
    this.value = record.value
    this.headers =
      record.headers.length === 0
        ? NO_HEADERS
        : record.headers.map(({ key, value }) => [key, value] as const)
  }

  get keyText(): string | null {
    return this.key === null ? null : decoder.decode(this.key)
  }

  get valueText(): string | null {
    return this.value === null ? null : decoder.decode(this.value)
  }

  /**
   * The value as JSON; `null` for a tombstone.
   *
   * @throws {SyntaxError}
   */
  json<T = unknown>(): T {
    return JSON.parse(this.valueText ?? 'null') as T
  }

  /** The text of the last header of this name, as Kafka's `lastHeader`. */
  header(name: string): string | null | undefined {
    const pair = this.headers.findLast(([other]) => other === name)
    if (pair === undefined) return undefined
    return pair[1] === null ? null : decoder.decode(pair[1])
  }
}

/** Records of one partition that are handed over together. */
export interface ConsumerBatch {
  readonly topic: string
  readonly partition: number
  readonly records: readonly ConsumerRecord[]
  /** The offset after the last one: where to go on from. */
  readonly nextOffset: number
  /** The end of the log, as known when these were read. */
  readonly highWatermark: number
  /** How many offsets this partition is behind after these records: up to the last stable offset. */
  readonly lag: number
}
