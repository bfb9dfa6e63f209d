/** Transactions of one call over several partitions, each with an id; some expect an offset. */
import { beginEvent, type Load, padded } from './load.ts'
import { makeOneShot } from './one-shot-call.ts'
import type { Place } from './transaction-history.ts'

export async function runOneShots(
  load: Load,
  name: string,
  places: readonly Place[],
): Promise<void> {
  const { random } = load
  for (let round = 0; load.isRunning(); round++) {
    const id = `${name}/${round}`
    const event = beginEvent(load, id, id, 0)
    for (let index = random.between(1, 4); index > 0; index--) {
      event.records.push({ ...random.pick(places), value: padded(`${id}/${index}`) })
    }
    const [first] = event.records
    const isExpecting = random.next() < 0.1 && first !== undefined
    const { topic, partition } = first ?? { topic: '', partition: 0 }
    const records = event.records.map((record) => ({ ...record }))
    // An offset that the partition left long ago: the transaction must be aborted as a whole.
    const expect = isExpecting ? [{ topic, partition, nextOffset: 0 }] : []
    await makeOneShot(load, event, { id, records, expect })
  }
}
