/** Prints the records of a consumer, and checks after a silence whether all were read. */
import { recordToJson } from '../../src/core/batch/json-record.ts'
import type { IsolationLevel } from '../../src/core/log/log-ends.ts'
import type { Client, Consumer, ConsumerRecord, GroupConsumer, OffsetCommit } from '../index.ts'
import { describeUnread, findUnread, type Unread } from './end-of-log.ts'
import { END_CHECK_MS_MIN } from './limits.ts'
import { writeOutput } from './output.ts'

export interface PrintOptions {
  readonly partition?: number
  readonly group?: string
  readonly maxMessages?: number
  readonly timeoutMs?: number
  readonly keySeparator?: string
  readonly format: 'value' | 'json'
  readonly isolation: IsolationLevel
}

/** Prints until the consumer ends: by its signal, the count, a silence, or failed output. */
export class RecordPrinter {
  readonly #client: Client
  readonly #consumer: Consumer | GroupConsumer
  readonly #topic: string
  readonly #options: PrintOptions
  /** Commits the printed records when the loop ends in the middle of a batch. */
  readonly #commit: (offset: OffsetCommit) => Promise<void>
  #silence: NodeJS.Timeout | undefined
  /** Aborts a check of the log's end that is no longer needed. */
  readonly #check = new AbortController()
  #batches = 0
  #hasEnded = false
  #failure: Error | undefined

  constructor(
    client: Client,
    consumer: Consumer | GroupConsumer,
    topic: string,
    options: PrintOptions,
    commit: (offset: OffsetCommit) => Promise<void> = async () => {},
  ) {
    this.#client = client
    this.#consumer = consumer
    this.#topic = topic
    this.#options = options
    this.#commit = commit
  }

  /** @throws {Error} after a silence, unless all records were read. */
  async run(): Promise<void> {
    try {
      this.#awaitSilence(1)
      await this.#print()
    } finally {
      this.#hasEnded = true
      clearTimeout(this.#silence)
      this.#check.abort()
      await this.#consumer.close()
    }
    if (this.#failure !== undefined) throw this.#failure
  }

  async #print(): Promise<void> {
    let left = this.#options.maxMessages ?? Number.POSITIVE_INFINITY
    for await (const { topic, partition, records } of this.#consumer) {
      // A slow output does not count as silence.
      clearTimeout(this.#silence)
      this.#batches += 1
      const printed = records.slice(0, left)
      left -= printed.length
      const bytes = Buffer.concat(printed.flatMap((record) => lineOf(record, this.#options)))
      // Leaving the loop leaves this batch unfinished, so that a group delivers it again.
      if (!(await writeOutput(bytes))) break
      if (left === 0) {
        const last = printed.at(-1)
        if (last !== undefined) await this.#commit({ topic, partition, offset: last.offset + 1 })
        break
      }
      this.#awaitSilence(1)
    }
  }

  #awaitSilence(count: number): void {
    const { timeoutMs } = this.#options
    if (timeoutMs === undefined) return
    this.#silence = setTimeout(() => void this.#endBySilence(timeoutMs, count), timeoutMs)
  }

  /** Ends reading if all was read; otherwise waits for a second silence, so that the missing records can arrive. */
  async #endBySilence(timeoutMs: number, count: number): Promise<void> {
    const before = this.#batches
    const giveUp = () => this.#check.abort(new Error('no response from the server'))
    const limit = setTimeout(giveUp, Math.max(timeoutMs, END_CHECK_MS_MIN))
    let failure: string | undefined
    let isWorthWaiting = false
    try {
      const unread = await this.#findUnread()
      isWorthWaiting = unread.length > 0 && count === 1
      if (unread.length > 0) failure = `some records were not read: ${describeUnread(unread)}`
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      failure = `it is unknown whether all records were read: ${why}`
    } finally {
      clearTimeout(limit)
    }
    if (this.#hasEnded || this.#batches > before) return
    if (isWorthWaiting) {
      this.#awaitSilence(2)
      return
    }
    if (failure !== undefined) {
      this.#failure = new Error(`no records for ${timeoutMs} ms, and ${failure}`)
    }
    await this.#consumer.close()
  }

  #findUnread(): Promise<Unread[]> {
    const { group, partition, isolation } = this.#options
    return findUnread(this.#client, this.#topic, this.#consumer.assignment, {
      onlyAssigned: group !== undefined || partition !== undefined,
      isolation,
      signal: this.#check.signal,
    })
  }
}

const NEWLINE = Buffer.from('\n')
const NULL = Buffer.from('null')

function lineOf(record: ConsumerRecord, { format, keySeparator }: PrintOptions): Uint8Array[] {
  if (format === 'json') {
    const { partition, offset, timestamp, key, value } = record
    const headers = record.headers.map(([name, bytes]) => ({ key: name, value: bytes }))
    const json = recordToJson({ offset, timestamp, key, value, headers })
    return [Buffer.from(JSON.stringify({ partition, ...json })), NEWLINE]
  }
  const value = record.value ?? NULL
  if (keySeparator === undefined) return [value, NEWLINE]
  return [record.key ?? NULL, Buffer.from(keySeparator), value, NEWLINE]
}
