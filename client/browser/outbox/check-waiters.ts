/** Settles this tab's waiters whose records left the outbox without a message: messages between tabs may be lost. */
import { EdgelogError } from '../../../src/core/errors.ts'
import type { OutboxPosition, ProducerRow } from '../store/schema.ts'
import type { AckWaiters } from './ack-waiters.ts'
import type { OutboxStore } from './outbox-store.ts'

/** @param serial of the first waiter that `producers` may not include yet */
export async function checkWaiters(
  waiters: AckWaiters,
  producers: readonly ProducerRow[],
  serial: number,
  store: OutboxStore,
): Promise<void> {
  for (const { topic, partition, acks, moves } of producers) {
    waiters.moved(topic, moves)
    waiters.acked(topic, partition, acks)
  }
  const rows = new Map(producers.map((row) => [keyOf(row), row]))
  const gone: Array<OutboxPosition & { topic: string; isLost: boolean }> = []
  for (const place of waiters.places(serial)) {
    const row = rows.get(keyOf(place))
    const isLost = row === undefined || place.position >= row.nextPosition
    if (isLost || place.position < row.firstPosition) gone.push({ ...place, isLost })
  }
  if (gone.length === 0) return
  for (const { topic, partition, position, error } of await store.parkedRows()) {
    waiters.take(topic, { partition, position })?.reject(EdgelogError.fromBody(error))
  }
  for (const { topic, partition, position, isLost } of gone) {
    const waiter = waiters.take(topic, { partition, position })
    if (isLost)
      waiter?.reject(
        new EdgelogError('storage_lost', 'the record was deleted with the data of the page'),
      )
    else waiter?.resolve({ topic, partition, offset: -1, timestamp: waiter.timestamp })
  }
}

function keyOf({ topic, partition }: { topic: string; partition: number }): string {
  return `${partition}/${topic}`
}
