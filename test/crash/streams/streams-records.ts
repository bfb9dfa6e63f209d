/** The records of the crash runs of streams: writing them, reading them back, and comparing lists of them. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client, ConsumerRecord } from '../../../client/index.ts'
import type { Random } from '../../support/random.ts'
import type { Violation } from '../history.ts'
import type { Numbered } from './streams-worker.ts'

const KEYS = 40
const GROUPS = 7
const SENDS_AT_ONCE = 40
/** Applications have caught up within this time after the last record. */
const SETTLE_MS_MAX = 120_000

// -- the input -----------------------------------------------------------------------------------

/** @param prefix Begins the ids of the records. */
export async function write(
  log: Client,
  random: Random,
  isRunning: () => boolean,
  prefix = 'r',
): Promise<void> {
  let sent = 0
  while (isRunning()) {
    const count = random.between(1, SENDS_AT_ONCE)
    const sends = Array.from({ length: count }, () => {
      const value: Numbered = {
        id: `${prefix}${sent++}`,
        group: `g${random.between(1, GROUPS)}`,
        amount: random.between(1, 100),
      }
      return log.send('in', { key: `k${random.between(1, KEYS)}`, value })
    })
    // A record whose fate is unknown is in the input topic, or is not: the topic is the truth.
    await Promise.allSettled(sends)
    await sleep(random.between(0, 30))
  }
}

// -- the end -------------------------------------------------------------------------------------

/** Returns the records of each partition. */
export async function readAll(log: Client, topic: string): Promise<ConsumerRecord[][]> {
  const { partitionDetails = [] } = await retried(() => log.admin.describeTopic(topic))
  const all: ConsumerRecord[][] = []
  for (const { partition, highWatermark } of partitionDetails) {
    const records: ConsumerRecord[] = []
    const assignments = [{ topic, partition, offset: 0 }]
    if (highWatermark > 0) {
      for await (const batch of await log.consumer({ assignments })) {
        records.push(...batch.records)
        if ((batch.records.at(-1)?.offset ?? 0) >= highWatermark - 1) break
      }
    }
    all.push(records)
  }
  return all
}

/** Waits until applications have processed everything. */
export async function settled(
  log: Client,
  applications: readonly string[],
  violations: Violation[],
): Promise<void> {
  const deadlineMs = Date.now() + SETTLE_MS_MAX
  for (const name of applications) {
    for (;;) {
      const { tasks, lag, status } = await retried(() => log.applications.describe(name))
      const isDone = tasks.every((task) => task.pendingTurns === 0) && lag === 0
      if (isDone && status === 'running' && (await hasCaughtUp(log, name))) break
      if (Date.now() > deadlineMs || status === 'failed') {
        const shown = JSON.stringify(tasks.map(({ lastError, inputs }) => ({ lastError, inputs })))
        violations.push({ promise: 'S1', what: `${name} is ${status}, lag ${lag}: ${shown}` })
        return
      }
      await sleep(100)
    }
  }
}

/** Returns whether the positions are the ends of the topics: a task does not know of what it has not fetched. */
async function hasCaughtUp(log: Client, name: string): Promise<boolean> {
  const { tasks } = await log.applications.describe(name)
  for (const { topic, partition, offset } of tasks.flatMap(({ inputs }) => inputs)) {
    const { partitionDetails = [] } = await log.admin.describeTopic(topic)
    const end = partitionDetails.find((one) => one.partition === partition)?.highWatermark ?? 0
    if (offset < end) return false
  }
  return true
}

export async function retried<T>(call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call()
    } catch (error) {
      if (attempt === 100) throw error
      await sleep(100)
    }
  }
}

// -- the promises --------------------------------------------------------------------------------

export function numberedOf(record: ConsumerRecord): Numbered {
  return JSON.parse(record.valueText as string) as Numbered
}

/** S1: nothing lost; S2: nothing doubled; S3: nothing reordered. */
export function compareLists(
  name: string,
  wanted: readonly string[],
  found: readonly string[],
  violations: Violation[],
): void {
  const missing = wanted.filter((id) => !new Set(found).has(id))
  if (missing.length > 0) {
    violations.push({
      promise: 'S1',
      what: `${name}: ${missing.length} lost: ${missing.slice(0, 5)}`,
    })
  }
  const doubled = found.filter((id, index) => found.indexOf(id) !== index)
  if (doubled.length > 0) {
    violations.push({
      promise: 'S2',
      what: `${name}: ${doubled.length} twice: ${doubled.slice(0, 5)}`,
    })
  }
  const at = found.findIndex((id, index) => id !== wanted[index])
  if (missing.length === 0 && doubled.length === 0 && at !== -1) {
    violations.push({ promise: 'S3', what: `${name}: ${found[at]} at ${at}, not ${wanted[at]}` })
  }
}
