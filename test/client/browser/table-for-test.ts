/** A compacted log in memory, and the table of it in one browser. */
import 'fake-indexeddb/auto'
import { expect } from 'vitest'
import { NO_OP_EVENTS } from '../../../client/browser/outbox/principals.ts'
import { Database } from '../../../client/browser/store/database.ts'
import type { Followed } from '../../../client/browser/sync/sync.ts'
import { TableFollower } from '../../../client/browser/table/table-follower.ts'
import { TableReader } from '../../../client/browser/table/table-reader.ts'
import { measure } from '../../../client/browser/table/table-rows.ts'
import { TableView } from '../../../client/browser/table/table-view.ts'
import { TableWait } from '../../../client/browser/table/table-wait.ts'
import { type TableTopic, TableWriter } from '../../../client/browser/table/table-writer.ts'
import { Channel } from '../../../client/browser/tabs/channel.ts'
import { systemClock } from '../../../client/clock.ts'
import type { LogSource } from '../../../client/consumer/log-source.ts'
import { clientDecompressors } from '../../../client/decompressors.ts'
import { encodeBatch } from '../../../src/core/batch/batch-builder.ts'
import { assignOffset } from '../../../src/core/batch/record-batch.ts'
import { EdgelogError } from '../../../src/core/errors.ts'
import type { TailFrame } from '../../../src/core/log/tail-protocol.ts'
import { ManualClock } from '../manual-clock.ts'
import { join } from './cache-for-test.ts'

export const TOPIC = 'customers'
const encoder = new TextEncoder()

interface Entry {
  readonly offset: number
  readonly key: string
  readonly value: string | null
}

/** The log of one partition. */
export class CompactedLog {
  entries: Entry[] = []
  startOffset = 0
  endOffset = 0
  goneBelow = 0

  put(key: string, value: string | null): void {
    this.entries.push({ offset: this.endOffset, key, value })
    this.endOffset += 1
  }

  /** Keeps the latest record of each key below an offset; with `dropsTombstones` no tombstone stays there. */
  compact(below: number, dropsTombstones: boolean): void {
    const latest = new Map<string, number>()
    for (const { key, offset } of this.entries) if (offset < below) latest.set(key, offset)
    this.entries = this.entries.filter(({ offset, key, value }) => {
      if (offset >= below) return true
      if (latest.get(key) !== offset) return false
      if (value !== null || !dropsTombstones) return true
      this.goneBelow = Math.max(this.goneBelow, offset + 1)
      return false
    })
  }

  deleteTo(offset: number): void {
    this.startOffset = Math.max(this.startOffset, Math.min(offset, this.endOffset))
    this.entries = this.entries.filter((entry) => entry.offset >= this.startOffset)
  }

  /** The latest value of each key. */
  latest(): Map<string, string> {
    const values = new Map<string, string>()
    for (const { key, value } of this.entries) {
      if (value === null) values.delete(key)
      else values.set(key, value)
    }
    return values
  }

  /** Returns the frame from an offset on, with `count` offsets at most. */
  frame(from: number, count = Number.POSITIVE_INFINITY): TailFrame {
    const to = Math.min(this.endOffset, from + count)
    const batches = this.entries
      .filter(({ offset }) => offset >= from && offset < to)
      .map(({ offset, key, value }) => {
        const bytes = value === null ? null : encoder.encode(value)
        const record = { timestamp: offset, key: encoder.encode(key), value: bytes, headers: [] }
        const batch = encodeBatch([record])
        assignOffset(batch, 0, offset, 0)
        return batch
      })
    const ends = { lastStableOffset: this.endOffset, highWatermark: this.endOffset }
    return { from, to, batches: join(batches), logStartOffset: this.startOffset, ...ends }
  }
}

/** A server with one topic. */
export class TableServer {
  id = 'id-1'
  policy = 'compact'
  logs: CompactedLog[]
  isGone = false
  isReachable = true
  /** True for a client that does not read `tombstonesGoneBelow`. */
  hidesGone = false

  constructor(partitions = 1) {
    this.logs = Array.from({ length: partitions }, () => new CompactedLog())
  }

  recreate(): void {
    this.id = `${this.id}+`
    this.logs = this.logs.map(() => new CompactedLog())
  }

  readonly source: LogSource = {
    fetch: async (_topic, partition) => {
      this.#call()
      const log = this.logs[partition] as CompactedLog
      const { endOffset: end, startOffset: logStartOffset } = log
      const tombstonesGoneBelow = this.hidesGone ? undefined : log.goneBelow
      const ends = { lastStableOffset: end, highWatermark: end, logStartOffset }
      return { from: end, to: end, batches: new Uint8Array(), ...ends, tombstonesGoneBelow }
    },
  }

  readonly request = async (topic: string): Promise<TableTopic> => {
    this.#call()
    return { topic, id: this.id, partitions: this.logs.length }
  }

  readonly fetch = async (): Promise<Response> => {
    if (!this.isReachable) throw new TypeError('no network')
    if (this.isGone) {
      const error = new EdgelogError('unknown_topic_or_partition', TOPIC).toBody()
      return Response.json({ error }, { status: 404 })
    }
    const config = { 'cleanup.policy': this.policy }
    return Response.json({ id: this.id, partitions: this.logs.length, config })
  }

  #call(): void {
    if (!this.isReachable) throw new TypeError('no network')
    if (this.isGone) throw new EdgelogError('unknown_topic_or_partition', TOPIC)
  }
}

let names = 0

/** One tab of a browser: its table, and the follower of a leading tab. */
export function openTable(server: TableServer, name = `table-test-${++names}`, bytesMax?: number) {
  const database = new Database(name, systemClock, NO_OP_EVENTS)
  const clock = new ManualClock()
  const writer = new TableWriter(database, bytesMax)
  const reader = new TableReader(database)
  const channel = new Channel(name)
  const { fetch } = server
  const connection = { url: 'https://fake', token: undefined, fetch, clock, random: () => 0.5 }
  const counts = { changed: 0, restarts: 0 }
  const failures: string[] = []
  const follower = new TableFollower({
    ...{ writer, channel, connection, network: server.source },
    codecs: clientDecompressors(),
    topics: { load: server.request, request: server.request },
    changed: () => {
      counts.changed += 1
    },
    failed: ({ code }) => failures.push(code),
  })
  const closing = new AbortController()
  const wait = new TableWait({
    ...{ reader, writer, channel, connection },
    closed: closing.signal,
    authRetry: { retry: (work) => work() },
  })
  const view = new TableView<string>(
    TOPIC,
    { reader, wait },
    { deserialize: (bytes) => new TextDecoder().decode(bytes) },
  )
  const close = async () => {
    closing.abort()
    channel.close()
    await database.close()
  }
  const keep = async () =>
    await writer.keep({ topic: TOPIC, id: server.id, partitions: server.logs.length }, clock.now())
  return {
    ...{ name, database, clock, writer, reader, follower, view, counts, failures },
    keep,
    close,
  }
}

export type TableTab = ReturnType<typeof openTable>

/** Follows each partition by one frame. Returns whether all are at the end of their logs. */
export async function follow(
  { follower }: TableTab,
  server: TableServer,
  count?: number,
): Promise<boolean> {
  const followed = await follower.subscriptions()
  let isAtEnd = followed.length === server.logs.length
  for (const one of followed) {
    const log = server.logs[one.partition] as CompactedLog
    const from = Number(one.offset)
    if (from < log.endOffset) {
      await follower.frame({ ...(one as Followed), id: 0 }, log.frame(from, count))
      isAtEnd = false
    }
  }
  return isAtEnd
}

export async function followToEnd(tab: TableTab, server: TableServer): Promise<void> {
  for (let turn = 0; turn < 1_000; turn++) if (await follow(tab, server, 7)) return
  throw new Error('the table does not reach the end of its log')
}

export async function entriesOf({ view }: TableTab, prefix = ''): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for await (const { key, value } of view.entries({ prefix })) found.set(String(key), String(value))
  return found
}

/** Expects that the stored size of the table in partition 0 is that of its rows. Returns it. */
export async function expectSize({ database, writer }: TableTab): Promise<number> {
  const [state] = await writer.states()
  const { generation, sizeBytes } = state?.partitions[0]?.shown ?? { generation: 0 }
  const stored = await database.write(['tableRows'], (tx) =>
    measure(tx, [state?.topicId ?? '', 0, generation]),
  )
  expect(sizeBytes).toBe(stored)
  return stored
}
