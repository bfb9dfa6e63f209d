/** What other principals have left in this browser. */
import type { EdgelogError } from '../../src/core/errors.ts'
import type { Clock } from '../clock.ts'
import type { Connection } from '../http/connection.ts'
import { untilFlushed } from './outbox/flush.ts'
import { OutboxDrain } from './outbox/outbox-drain.ts'
import { OutboxSender, type SenderState } from './outbox/outbox-sender.ts'
import { type OutboxContext, OutboxStore, pendingOf } from './outbox/outbox-store.ts'
import { Database } from './store/database.ts'
import type { PageEvents } from './sync/page-events.ts'
import type { OutboxNews } from './tabs/channel.ts'
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

export interface SendingContext {
  readonly connection: Connection
  readonly outbox: OutboxContext
  readonly store: OutboxStore
  readonly page: PageEvents
  readonly tell: (news: OutboxNews) => void
  readonly renewToken: () => Promise<boolean>
}

/** Sends the outbox of one database. */
export function outboxSender(
  { connection, store, page, tell, renewToken }: SendingContext,
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
    tell,
    renewToken,
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
  context: SendingContext,
  name: string,
  signal: AbortSignal,
): Promise<number> {
  const { connection } = context
  const { clock } = connection
  const database = new Database(name, clock, DEAF)
  const outbox = { ...context.outbox, database }
  const store = new OutboxStore(outbox)
  const drain = new OutboxDrain(outbox)
  const settled = new EventTarget()
  const tell = () => settled.dispatchEvent(new Event('settled'))
  const topics = new TopicDirectory(connection, drain, tell)
  const sender = outboxSender({ ...context, outbox, store, tell }, drain, topics, () => {})
  try {
    const waiting = (await store.producers()).reduce((sum, row) => sum + pendingOf(row), 0)
    sender.start()
    const onSettled = (listener: () => void) => {
      settled.addEventListener('settled', listener)
      return () => settled.removeEventListener('settled', listener)
    }
    await untilFlushed({ store, clock, onSettled }, signal)
    sender.stop()
    // What the log refused stays for who comes back under that name.
    if ((await store.countParked()) === 0) await database.destroy()
    return waiting
  } finally {
    sender.stop()
    await database.close()
  }
}
