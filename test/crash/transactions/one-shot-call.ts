/** One transaction that is made in one call, repeated until it is answered. */
import { type Load, noteReadBack, settle } from './load.ts'
import type { OneShotReply, Reply } from './transaction-client.ts'
import { placeKey, type TransactionEvent } from './transaction-history.ts'

/** Repeats the call until it is answered, and now and then once more. */
export async function makeOneShot(
  load: Load,
  event: TransactionEvent,
  body: object,
): Promise<void> {
  event.commitInvokedAt = performance.now()
  event.outcome = 'unknown'
  const attempt = async () => {
    const { reply } = await settle(load, `one shot ${event.name}`, () => load.client.oneShot(body))
    note(event, reply)
    if (reply.kind === 'ok' && reply.value.visible) await noteReadBack(load, event)
  }
  await attempt()
  if (load.random.next() < 0.2) await attempt()
}

function note(event: TransactionEvent, reply: Reply<OneShotReply>): void {
  if (reply.kind === 'unknown') return
  if (reply.kind === 'fail') {
    event.answers.push(reply.code)
    event.outcome = 'aborted'
    return
  }
  const { offsets } = reply.value
  event.answers.push(JSON.stringify(offsets))
  event.outcome = 'committed'
  for (const first of offsets) {
    const own = event.records.filter((record) => placeKey(record) === placeKey(first))
    for (const [index, record] of own.entries()) record.offset = first.offset + index
  }
}
