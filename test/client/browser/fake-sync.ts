/** A sync with fake transports, sink, page and clock. */

import type { Followed } from '../../../client/browser/sync/sync.ts'
import {
  Sync,
  type SyncOptions,
  type SyncSink,
  type SyncStatus,
} from '../../../client/browser/sync/sync.ts'
import type {
  Subscription,
  Transport,
  TransportListener,
  TransportName,
} from '../../../client/browser/sync/transport.ts'
import type { Connection } from '../../../client/http/connection.ts'
import { encodeBatch } from '../../../src/core/batch/batch-builder.ts'
import { assignOffset, readBatchHeaders } from '../../../src/core/batch/record-batch.ts'
import type { EdgelogError } from '../../../src/core/errors.ts'
import type { LogEnds } from '../../../src/core/log/log-ends.ts'
import type { TailFrame } from '../../../src/core/log/tail-protocol.ts'
import { ManualClock } from '../manual-clock.ts'
import { FakePage } from './fake-page.ts'

export function batchAt(offset: number): Uint8Array {
  // Large enough that its credit is granted at once.
  const value = new TextEncoder().encode(`${offset}`.padEnd(10_000))
  const batch = encodeBatch([{ timestamp: 0, key: null, value, headers: [] }])
  assignOffset(batch, 0, offset, 0)
  return batch
}

/** A transport that delivers a test's messages, and records what is sent to it. */
export class FakeTransport implements Transport {
  readonly name: TransportName
  readonly listener: TransportListener
  readonly waitMs: number
  readonly openedAtMs: number
  readonly isFixed: boolean
  readonly subscriptions = new Map<number, Subscription>()
  readonly credits: number[] = []
  grantedBytes = 0
  isClosed = false

  constructor(name: TransportName, listener: TransportListener, waitMs: number, nowMs: number) {
    this.name = name
    this.listener = listener
    this.waitMs = waitMs
    this.openedAtMs = nowMs
    this.isFixed = name !== 'websocket'
  }

  subscribe(subscription: Subscription, creditBytes: number): void {
    this.subscriptions.set(subscription.id, subscription)
    this.credits.push(creditBytes)
  }

  unsubscribe(id: number): void {
    this.subscriptions.delete(id)
  }

  grant(_id: number, bytes: number): void {
    this.grantedBytes += bytes
  }

  close(): void {
    this.isClosed = true
  }

  idOf(topic: string): number {
    const all = [...this.subscriptions.values()]
    return all.findLast((subscription) => subscription.topic === topic)?.id ?? -1
  }

  /** Confirms a subscription: the log ends at `highWatermark`; `from` replaces the requested offset. */
  subscribed(topic: string, highWatermark: number, from?: number): void {
    const id = this.idOf(topic)
    const offset = from ?? Number(this.subscriptions.get(id)?.offset)
    this.listener.notice({ op: 'subscribed', id, offset, ...endsAt(highWatermark) })
  }

  frame(topic: string, offset: number, highWatermark = offset + 1): void {
    const range = { from: offset, to: offset + 1, batches: batchAt(offset) }
    void this.listener.frame(this.idOf(topic), { ...range, ...endsAt(highWatermark) })
  }

  end(error?: EdgelogError): void {
    this.isClosed = true
    this.listener.ended(error)
  }
}

function endsAt(highWatermark: number): LogEnds {
  return { logStartOffset: 0, lastStableOffset: highWatermark, highWatermark }
}

/** Stores offsets, and accepts frames that fit. */
export class FakeSink implements SyncSink {
  readonly positions: Record<string, number>
  readonly taken: string[] = []
  readonly closings: string[] = []
  readonly history: SyncStatus[] = []
  readonly #storing = new Set<string>()
  lists = 0
  /** Awaited while a frame is stored. */
  gate: Promise<void> | undefined
  listing: (() => Promise<readonly Followed[]>) | undefined
  storing: ((topic: string) => Promise<'taken' | 'resubscribe'> | undefined) | undefined

  constructor(positions: Record<string, number>) {
    this.positions = positions
  }

  async subscriptions(): Promise<readonly Followed[]> {
    this.lists += 1
    if (this.listing !== undefined) return await this.listing()
    return Object.entries(this.positions).map(([topic, offset]) => ({
      topic,
      partition: 0,
      offset,
    }))
  }

  subscribed(): void {}

  async frame({ topic }: Subscription, { batches }: TailFrame): Promise<'taken' | 'resubscribe'> {
    if (this.#storing.has(topic)) throw new Error('one frame of a subscription at a time')
    this.#storing.add(topic)
    await this.gate
    this.#storing.delete(topic)
    const result = await this.storing?.(topic)
    if (result === 'resubscribe') return result
    for (const { baseOffset } of readBatchHeaders(batches)) {
      this.taken.push(`${topic} ${baseOffset}`)
      this.positions[topic] = baseOffset + 1
    }
    return 'taken'
  }

  async closed({ topic }: Subscription, { code }: EdgelogError): Promise<void> {
    this.closings.push(`${topic} ${code}`)
  }

  changed(status: SyncStatus): void {
    this.history.push(status)
  }

  get links(): string[] {
    return this.history.map(({ link }) => link)
  }
}

export function setUp(positions: Record<string, number> = { t: 0 }, options: SyncOptions = {}) {
  const clock = new ManualClock()
  const page = new FakePage()
  const sink = new FakeSink(positions)
  const transports: FakeTransport[] = []
  const connection: Connection = {
    url: 'http://fake',
    token: 'one',
    fetch: () => Promise.reject(new TypeError('no network')),
    clock,
    random: () => 0.5,
  }
  const open: SyncOptions['open'] = (name, listener, waitMs) => {
    const transport = new FakeTransport(name, listener, waitMs, clock.now())
    transports.push(transport)
    return transport
  }
  const WebSocket = class {} as never
  const sync = new Sync({ connection, page, WebSocket }, sink, { open, ...options })
  const latest = () => {
    const transport = transports.at(-1)
    if (transport === undefined) throw new Error('not connected')
    return transport
  }
  return { sync, sink, clock, page, connection, transports, latest }
}

export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** Advances the clock in steps, so that all due work runs. */
export async function pass(clock: ManualClock, byMs: number, stepMs = 100): Promise<void> {
  for (let passedMs = 0; passedMs < byMs; passedMs += stepMs) {
    clock.advance(stepMs)
    await settle()
  }
}
