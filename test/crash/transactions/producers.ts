/** Producers with transactions of several calls: some die, are replaced while they go on, or are too slow. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Instance, type Instances } from './instance.ts'
import { type Load, noteReadBack, padded } from './load.ts'
import type { Place, TransactionEvent } from './transaction-history.ts'

const SLOW_TIMEOUT_MS = 700
/** How far a transaction looks back when it reads. */
const READ_OFFSETS = 10

/** Runs transactions over some of the places. */
export async function runProducer(
  load: Load,
  instances: Instances,
  id: string,
  places: readonly Place[],
): Promise<void> {
  let instance = await Instance.start(load, instances, id)
  while (load.isRunning() && instance !== undefined) {
    const current: Instance = instance
    const mayGoOn = await runTransaction(load, current, places)
    const isReplaced = load.random.next() < 0.15
    if (isReplaced) instance = await replace(load, instances, current, places)
    else if (!mayGoOn) instance = await Instance.start(load, instances, id)
  }
}

/** Returns whether the producer may begin its next transaction. */
async function runTransaction(
  load: Load,
  instance: Instance,
  places: readonly Place[],
): Promise<boolean> {
  const { random } = load
  const event = instance.begin()
  if (!(await sendSome(load, instance, event, places))) return false
  await readSome(load, event, places)
  if (random.next() < 0.2) return await instance.abort()
  // A client that dies after its commit: its successor must find one outcome.
  const isDying = random.next() < 0.2
  const ended = isDying ? await instance.commitOnce(event) : await instance.commit(event)
  if (ended === undefined) return false
  if (ended.visible) await noteReadBack(load, event)
  if (random.next() < 0.15) await instance.repeatCommit(event)
  if (random.next() < 0.1) await instance.abortCommitted(event)
  return true
}

async function sendSome(
  { random }: Load,
  instance: Instance,
  event: TransactionEvent,
  places: readonly Place[],
): Promise<boolean> {
  for (let call = random.between(1, 5); call > 0; call--) {
    const values = Array.from({ length: random.between(1, 3) }, (_, index) =>
      padded(`${event.name}/${call}/${index}`),
    )
    if (!(await instance.send(event, random.pick(places), values))) return false
  }
  return true
}

/** Reads what is committed at the end of a partition, as a transaction that depends on others does. */
async function readSome(
  { client, random }: Load,
  event: TransactionEvent,
  places: readonly Place[],
): Promise<void> {
  const place = random.pick(places)
  const end = await client.read(place, 'latest', 'committed')
  if (end.kind !== 'ok') return
  const from = Math.max(0, end.value.lastStableOffset - READ_OFFSETS)
  const read = await client.read(place, from, 'committed')
  if (read.kind === 'ok') event.reads.push(...read.value.records.map(({ value }) => value))
}

/** Starts a successor while the producer has a transaction open, which it tries to finish at any moment. */
async function replace(
  load: Load,
  instances: Instances,
  old: Instance,
  places: readonly Place[],
): Promise<Instance | undefined> {
  const event = old.begin()
  await sendSome(load, old, event, places)
  if (load.random.next() < 0.5) {
    // Before, during or after the start of the successor.
    const late = async () => {
      await sleep(load.random.between(0, 40))
      await old.commitOnce(event)
    }
    const [successor] = await Promise.all([Instance.start(load, instances, old.id), late()])
    return successor
  }
  const successor = await Instance.start(load, instances, old.id)
  await sendSome(load, old, event, places)
  await old.commitOnce(event)
  return successor
}

/** Begins transactions and comes back only after their timeout: no record of them may be committed. */
export async function runSlowProducer(
  load: Load,
  instances: Instances,
  id: string,
  places: readonly Place[],
): Promise<void> {
  for (let round = 0; load.isRunning(); round++) {
    const name = `${id}-${round}`
    const instance = await Instance.start(load, instances, name, SLOW_TIMEOUT_MS)
    if (instance === undefined) return
    const event = instance.begin()
    if (!(await sendSome(load, instance, event, places))) continue
    await untilAborted(load, name)
    // Its epoch was fenced when the timeout passed, so no part of it may be committed any more.
    const isSent = await instance.send(event, load.random.pick(places), [
      padded(`${event.name}/late`),
    ])
    await instance.commit(event)
    const what = `${event.name}: after its timeout ${isSent ? 'a send' : 'a commit'} was accepted`
    const isKept = !isSent && event.outcome !== 'committed'
    if (event.outcome !== 'unknown') load.history.probes.push({ promise: 'T6', what, isKept })
  }
}

async function untilAborted({ client, isOver }: Load, id: string): Promise<void> {
  while (!isOver()) {
    const reply = await client.describe(id)
    if (reply.kind === 'ok' && reply.value.state !== 'Ongoing') return
    await sleep(50)
  }
}
