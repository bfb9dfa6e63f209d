/** Waits until all currently queued records have left the outbox, whichever tab sends them. */

import type { Clock } from '../../clock.ts'
import { sleep } from '../../clock.ts'
import { FLUSH_CHECK_MS } from '../limits.ts'
import type { ProducerRow } from '../store/schema.ts'
import type { Channel } from '../tabs/channel.ts'
import { type OutboxStore, pendingOf } from './outbox-store.ts'

interface FlushContext {
  readonly store: OutboxStore
  readonly clock: Clock
  readonly channel: Channel
}

/** Messages after which rows may have left the outbox. */
const CHANGES = ['wake', 'acked', 'parked', 'moved', 'outbox'] as const

/** @throws the reason of `signal` when it is aborted; the records stay queued */
export async function untilFlushed(context: FlushContext, signal: AbortSignal): Promise<void> {
  const { store } = context
  const ends = new Map<string, number>()
  const note = (rows: readonly ProducerRow[]) => {
    for (const row of rows) if (pendingOf(row) > 0) ends.set(keyOf(row), row.nextPosition)
  }
  note(await store.producers())
  while (ends.size > 0) {
    signal.throwIfAborted()
    await changeOrTime(context, signal)
    const rows = await store.producers()
    for (const row of rows) {
      const end = ends.get(keyOf(row))
      if (end === undefined || row.firstPosition < end) continue
      ends.delete(keyOf(row))
      // Records that moved to other partitions wait there now.
      if (row.moves.length > 0) note(rows.filter(({ topic }) => topic === row.topic))
    }
  }
}

async function changeOrTime({ clock, channel }: FlushContext, signal: AbortSignal): Promise<void> {
  const changed = new AbortController()
  const unlisten = CHANGES.map((kind) => channel.listen(kind, () => changed.abort()))
  // A message of another tab may be lost.
  await sleep(clock, FLUSH_CHECK_MS, AbortSignal.any([signal, changed.signal]))
  for (const end of unlisten) end()
}

function keyOf({ topic, partition }: ProducerRow): string {
  return `${partition}/${topic}`
}
