/** The records that applications read. */
import type { LogRecord } from '../../src/core/batch/record.ts'

const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true })

export type HeaderPair = readonly [name: string, value: Uint8Array | null]

const NO_HEADERS: readonly HeaderPair[] = Object.freeze([])

/** One record. Keys and values are bytes; their text is decoded on access. */
export class ConsumerRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Milliseconds since 1970; -1: no timestamp. */
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
   * Returns the value parsed as JSON; `null` for a tombstone.
   *
   * @throws {SyntaxError}
   */
  json<T = unknown>(): T {
    return JSON.parse(this.valueText ?? 'null') as T
  }

  /** Returns the text of the last header with this name, as Kafka's `lastHeader`. */
  header(name: string): string | null | undefined {
    const pair = this.headers.findLast(([other]) => other === name)
    if (pair === undefined) return undefined
    return pair[1] === null ? null : decoder.decode(pair[1])
  }
}

/** Records of one partition that are delivered together. */
export interface ConsumerBatch {
  readonly topic: string
  readonly partition: number
  readonly records: readonly ConsumerRecord[]
  /** Offset of the next read. */
  readonly nextOffset: number
  /** High watermark of the log when these records were read. */
  readonly highWatermark: number
  /** Offsets of this partition behind these records, up to the last stable offset. */
  readonly lag: number
}
