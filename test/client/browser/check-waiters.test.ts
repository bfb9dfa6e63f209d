import { expect, test } from 'vitest'
import { AckWaiters } from '../../../client/browser/outbox/ack-waiters.ts'
import { checkWaiters } from '../../../client/browser/outbox/check-waiters.ts'
import type { OutboxStore } from '../../../client/browser/outbox/outbox-store.ts'
import type { ProducerRow } from '../../../client/browser/store/schema.ts'
import { UNASSIGNED_PARTITION } from '../../../client/browser/store/schema.ts'

const TOPIC = 'topic'
const STORE = { parkedRows: async () => [] } as unknown as OutboxStore

function producerRow(partition: number, fields: Partial<ProducerRow>): ProducerRow {
  const numbers = { producerId: 1n, epoch: 0, epochStart: 0, firstPosition: 0, nextPosition: 0 }
  const rest = { pendingBytes: 0, ackedEndOffset: 0, acks: [], moves: [] }
  return { topic: TOPIC, partition, ...numbers, ...rest, ...fields }
}

/** Queues a record before the topic's metadata is known; returns the serial and rows of a check that begins then. */
function queueUnassigned() {
  const waiters = new AckWaiters()
  const place = { partition: UNASSIGNED_PARTITION, position: 5 }
  const acked = waiters.add(TOPIC, place, 1)
  const rows = [producerRow(UNASSIGNED_PARTITION, { firstPosition: 5, nextPosition: 6 })]
  return { waiters, place, acked, rows, serial: waiters.nextSerial }
}

test('keeps a record that gets its partition while the check runs', async () => {
  const { waiters, place, acked, rows, serial } = queueUnassigned()
  const moves = [{ from: place, partition: 0, position: 77 }]
  waiters.receive({ kind: 'moved', topic: TOPIC, moves })
  await checkWaiters(waiters, rows, serial, STORE)
  const acks = [{ position: 77, recordsCount: 1, baseOffset: 3, logAppendTime: null }]
  waiters.receive({ kind: 'acked', topic: TOPIC, partition: 0, acks })
  expect(await acked).toMatchObject({ partition: 0, offset: 3 })
})

test('rejects a record that is in no row', async () => {
  const { waiters, acked, serial } = queueUnassigned()
  await checkWaiters(waiters, [], serial, STORE)
  await expect(acked).rejects.toMatchObject({ code: 'storage_lost' })
})
