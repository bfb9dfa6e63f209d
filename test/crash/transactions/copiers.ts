/** Consume, transform, produce: copies one partition into another, with records and offsets in one transaction. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Instance, type Instances } from './instance.ts'
import { beginEvent, type Load, settle } from './load.ts'
import { makeOneShot } from './one-shot-call.ts'
import type { Place } from './transaction-history.ts'

const IDLE_MS = 30
const RECORDS_MAX = 20

export interface Copy {
  readonly group: string
  readonly from: Place
  readonly to: Place
}

interface Portion {
  readonly values: readonly string[]
  /** The offset behind its last record. */
  readonly nextOffset: number
}

export function copyOf(value: string): string {
  return `copy of ${value}`
}

/** Copies in transactions of several calls; sometimes another instance takes over and the former goes on. */
export async function runCopier(
  load: Load,
  instances: Instances,
  id: string,
  copy: Copy,
): Promise<void> {
  let instance = await Instance.start(load, instances, id)
  let former: Promise<boolean> = Promise.resolve(true)
  while (load.isRunning() && instance !== undefined) {
    const current: Instance = instance
    const isCopied = await copyPortion(load, current, copy)
    if (load.random.next() < 0.1) {
      await former
      former = copyPortion(load, current, copy)
      instance = await Instance.start(load, instances, id)
    } else if (!isCopied) instance = await Instance.start(load, instances, id)
  }
  await former
}

/** Returns whether the instance may go on. */
async function copyPortion(load: Load, instance: Instance, copy: Copy): Promise<boolean> {
  const portion = await nextPortion(load, copy)
  if (portion === undefined) return true
  const event = instance.begin()
  const { values, nextOffset } = portion
  event.reads.push(...values)
  const offset = { ...copy.from, group: copy.group, offset: nextOffset }
  const isSent =
    (await instance.send(event, copy.to, values.map(copyOf))) &&
    (await instance.commitOffset(event, offset))
  if (!isSent) return false
  if (load.random.next() < 0.25) return await instance.abort()
  return (await instance.commit(event)) !== undefined
}

/** Reads what follows the committed offset. */
async function nextPortion(load: Load, { group, from }: Copy): Promise<Portion | undefined> {
  const { client } = load
  const { reply: committed } = await settle(load, `offsets of ${group}`, () =>
    client.committedOffset(group, from),
  )
  if (committed.kind !== 'ok') return undefined
  const read = await client.read(from, committed.value, 'committed')
  const records = read.kind === 'ok' ? read.value.records.slice(0, RECORDS_MAX) : []
  const last = records.at(-1)
  if (last !== undefined) {
    return { values: records.map(({ value }) => value), nextOffset: last.offset + 1 }
  }
  await sleep(IDLE_MS)
  return undefined
}

/** Copies in transactions of one call each. Each attempt has an id of its own, and is repeated under it. */
export async function runOneShotCopier(load: Load, copy: Copy): Promise<void> {
  for (let attempt = 0; load.isRunning(); attempt++) {
    const portion = await nextPortion(load, copy)
    if (portion === undefined) continue
    const { values, nextOffset } = portion
    const id = `${copy.group}/${attempt}`
    const event = beginEvent(load, id, id, 0)
    const { group, from, to } = copy
    event.reads.push(...values)
    event.offsets.push({ ...from, group, offset: nextOffset })
    event.records.push(...values.map((value) => ({ ...to, value: copyOf(value) })))
    await makeOneShot(load, event, {
      id,
      records: values.map((value) => ({ ...to, value: copyOf(value) })),
      offsets: [{ group, offsets: [{ ...from, offset: nextOffset }] }],
    })
  }
}
