/** What other principals have left in this browser. */
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
import { OutboxSender, type SenderState } from './outbox-sender.ts'
import { OutboxStore, pendingOf } from './outbox-store.ts'
import { TopicDirectory } from './topic-directory.ts'

export interface OtherPrincipal {
  readonly principal: string
  readonly pendingRecords: number
}

const ignore = () => undefined
/** For who has a database open and no page to tell. */
export const DEAF = {
  lost: ignore,
  outdated: ignore,
  blocked: ignore,
  deleted: ignore,
  failed: ignore,
}

/** Who else has records here that were not sent. Empty where the browser does not list databases. */
export async function otherPrincipals(
  prefix: string,
  ownName: string,
  clock: Clock,
): Promise<OtherPrincipal[]> {
  const found: OtherPrincipal[] = []
  for (const { name = '' } of (await indexedDB.databases?.()) ?? []) {
    if (name === ownName || !name.startsWith(prefix)) continue
    const database = new Database(name, clock, DEAF)
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

/** Sends the outbox of one database. */
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
    loadTopic: (topic) => topics.ask(topic),
    isOnline: () => page.isOnline,
    channel,
    renewToken: () => tokens.renew(),
    stateChanged,
  })
}

/**
 * Sends what another principal left, in this one's name. The records keep their producer and their
 * sequences, so that none that is in the log already comes again; they stay where they are until they
 * are acknowledged.
 *
 * @returns how many were waiting.
 * @throws the reason of `signal`; what is not sent by then stays.
 */
export async function adopt(
  { connection, page, newProducerId, random, now }: Session,
  tokens: TokenRenewal,
  name: string,
  signal: AbortSignal,
): Promise<number> {
  const { clock } = connection
  const database = new Database(name, clock, DEAF)
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
    // What the log refused stays for who comes back under that name.
    if ((await store.countParked()) === 0) await database.destroy()
    return waiting
  } finally {
    sender.stop()
    await database.close()
  }
}
