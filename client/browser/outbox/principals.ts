/** Records that other principals have left in this browser. */
import type { EdgelogError } from '../../../src/core/errors.ts'
import type { Clock } from '../../clock.ts'
import type { Connection } from '../../http/connection.ts'
import type { Session } from '../session/session.ts'
import type { TokenRenewal } from '../session/token-renewal.ts'
import { Database } from '../store/database.ts'
import type { PageEvents } from '../sync/page-events.ts'
import { Channel, type Publisher } from '../tabs/channel.ts'
import { untilFlushed } from './flush.ts'
import { OutboxDrain } from './outbox-drain.ts'
import { OutboxSender } from './outbox-sender.ts'
import { OutboxStore, pendingOf } from './outbox-store.ts'
import type { SenderState } from './send-health.ts'
import { TopicDirectory } from './topic-directory.ts'

export interface OtherPrincipal {
  readonly principal: string
  readonly pendingRecords: number
}

const ignore = () => undefined
/** Listener that ignores all database events. */
export const NO_OP_EVENTS = {
  lost: ignore,
  outdated: ignore,
  blocked: ignore,
  deleted: ignore,
  failed: ignore,
}

/** Returns the other principals with unsent records. Empty if the browser does not list databases. */
export async function otherPrincipals(
  prefix: string,
  ownName: string,
  clock: Clock,
): Promise<OtherPrincipal[]> {
  const found: OtherPrincipal[] = []
  for (const { name = '' } of (await indexedDB.databases?.()) ?? []) {
    if (name === ownName || !name.startsWith(prefix)) continue
    const database = new Database(name, clock, NO_OP_EVENTS)
    try {
      const producers = await database.read(['producers'], (tx) =>
        tx.objectStore('producers').getAll(),
      )
      const pendingRecords = producers.reduce((sum, row) => sum + pendingOf(row), 0)
      const principal = name.slice(prefix.length)
      if (pendingRecords > 0) found.push({ principal, pendingRecords })
    } finally {
      await database.close()
    }
  }
  return found
}

interface SenderParts {
  readonly connection: Connection
  readonly channel: Publisher
  readonly page: PageEvents
  readonly store: OutboxStore
  readonly tokens: TokenRenewal
}

/** Creates the sender of one database. */
export function outboxSender(
  { connection, channel, page, store, tokens }: SenderParts,
  drain: OutboxDrain,
  topics: TopicDirectory,
  stateChanged: (state: SenderState, error: EdgelogError | undefined) => void,
): OutboxSender {
  return new OutboxSender({
    connection,
    store,
    drain,
    refresh: (topic) => topics.refresh(topic),
    loadTopic: (topic) => topics.request(topic),
    isOnline: () => page.isOnline,
    channel,
    renewToken: () => tokens.renew(),
    stateChanged,
  })
}

/**
 * Sends the records that another principal left, with this principal's token. The records keep their producer
 * and sequences, so the log deduplicates them; they stay in their database until they are acknowledged.
 *
 * @returns the number of records that were waiting
 * @throws the reason of `signal`; unsent records stay
 */
export async function adopt(
  { connection, page, newProducerId, random, now }: Session,
  tokens: TokenRenewal,
  name: string,
  signal: AbortSignal,
): Promise<number> {
  const { clock } = connection
  const database = new Database(name, clock, NO_OP_EVENTS)
  const outbox = { database, newProducerId, random, now }
  const store = new OutboxStore(outbox)
  const drain = new OutboxDrain(outbox)
  const channel = new Channel(null)
  const topics = new TopicDirectory(connection, drain, channel)
  const context = { connection, channel, page, store, tokens }
  const sender = outboxSender(context, drain, topics, () => {})
  try {
    const waiting = (await store.producers()).reduce((sum, row) => sum + pendingOf(row), 0)
    sender.start()
    await untilFlushed({ store, clock, channel }, signal)
    sender.stop()
    // Parked records stay for the other principal.
    if ((await store.countParked()) === 0) await database.destroy()
    return waiting
  } finally {
    sender.stop()
    await database.close()
  }
}
