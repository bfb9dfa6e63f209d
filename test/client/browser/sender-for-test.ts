/** The sender of a leading tab with its own database, without the rest of the browser client. */
import 'fake-indexeddb/auto'
import { OutboxDrain } from '../../../client/browser/outbox/outbox-drain.ts'
import { OutboxSender } from '../../../client/browser/outbox/outbox-sender.ts'
import { OutboxStore } from '../../../client/browser/outbox/outbox-store.ts'
import { NO_OP_EVENTS } from '../../../client/browser/outbox/principals.ts'
import type { SenderState } from '../../../client/browser/outbox/send-health.ts'
import { TopicDirectory } from '../../../client/browser/outbox/topic-directory.ts'
import { Database } from '../../../client/browser/store/database.ts'
import { Channel } from '../../../client/browser/tabs/channel.ts'
import { type Clock, systemClock } from '../../../client/clock.ts'
import type { Connection } from '../../../client/http/connection.ts'

export function setUpSender(
  fetch: Connection['fetch'],
  clock: Clock = systemClock,
  random = () => 0.5,
) {
  const ignore = () => undefined
  const connection = { url: 'http://log', token: undefined, fetch, clock, random }
  const database = new Database(crypto.randomUUID(), clock, NO_OP_EVENTS)
  let producerId = 0n
  const newProducerId = () => producerId++
  const context = { database, newProducerId, random, now: () => clock.now() }
  const store = new OutboxStore(context)
  const drain = new OutboxDrain(context)
  const channel = new Channel(null)
  const topics = new TopicDirectory(connection, drain, channel)
  const states: SenderState[] = []
  const sender = new OutboxSender({
    ...{ connection, store, drain, channel },
    refresh: ignore,
    loadTopic: (topic) => topics.request(topic),
    isOnline: () => true,
    renewToken: async () => false,
    stateChanged: (state) => states.push(state),
  })
  const close = async () => {
    sender.stop()
    await database.close()
  }
  return { store, channel, topics, sender, states, close }
}
