/** Sets the faults of the R2 of `faulty-worker.ts`, and checks what they left behind. */
import { setTimeout as sleep } from 'node:timers/promises'
import { isTransient } from '../../../client/http/request-error.ts'
import { type Client, connect } from '../../../client/index.ts'
import { encodeBatch } from '../../../src/core/batch/batch-builder.ts'
import { until } from '../../support/until.ts'
import type { Violation } from '../history.ts'
import { LogClient, type TopicConfigs } from '../log-client.ts'

export interface FaultCounts {
  readonly fail: number
  readonly lost: number
  readonly hang: number
  readonly lie: number
}

/** A call that hangs costs 5 s, and objects wait for 30 s at the most; the rest is for a busy machine. */
const SETTLE_MS_MAX = 90_000
const PAUSE_MS = 200
const HUNG_RECORDS = 30
const HUNG_VALUE_BYTES = 100_000

/**
 * Lets calls of R2 fail from now until the next start of the server.
 *
 * @param mode with `hang-once?topicId=` one write of an object of this topic hangs
 */
export async function setFaults(
  url: string,
  mode: 'random' | `hang-once?topicId=${string}`,
): Promise<void> {
  const response = await fetch(`${url}/faults/${mode}`, { method: 'PUT' })
  if (response.status !== 204) throw new Error(`faults: ${await response.text()}`)
}

/** Returns the faults since the server was started. */
export async function countFaults(url: string): Promise<FaultCounts> {
  return (await (await fetch(`${url}/faults`)).json()) as FaultCounts
}

export function sumOf(faults: FaultCounts): number {
  return Object.values(faults).reduce((sum, count) => sum + count, 0)
}

/** Checks that objects and rows agree in the end: each row has its object, and each object its row. */
export async function checkObjects(
  url: string,
  topic: string,
  partitions: number,
): Promise<Violation[]> {
  const log = connect({ url })
  try {
    for (const deadlineMs = Date.now() + SETTLE_MS_MAX; ; await sleep(PAUSE_MS)) {
      const faults: string[] = []
      for (let partition = 0; partition < partitions; partition++) {
        faults.push(...(await faultsOf(log, topic, partition)))
      }
      if (faults.length === 0) return []
      if (Date.now() > deadlineMs) return faults.map((what) => ({ promise: 'R2', what }))
    }
  } finally {
    await log.close()
  }
}

/** Returns what is wrong with the objects of a partition; also a connection that was closed, which is checked again. */
async function faultsOf(log: Client, topic: string, partition: number): Promise<string[]> {
  try {
    const { damaged, orphans } = await log.admin.verifyTier(topic, partition)
    const left = orphans.map((key) => `object ${key}: no row knows it`)
    return [...damaged.map(({ reason }) => reason), ...left]
  } catch (error) {
    if (!isTransient(error)) throw error
    return [`partition ${partition} was not checked: ${error}`]
  }
}

/** Checks that a partition whose call of R2 gets no response goes on by itself. */
export async function checkHang(url: string, config: TopicConfigs): Promise<Violation[]> {
  const client = new LogClient(url, 'hung')
  const topicId = await client.createTopic(1, config)
  await setFaults(url, `hang-once?topicId=${topicId}`)
  const { hang } = await countFaults(url)
  const value = new Uint8Array(HUNG_VALUE_BYTES)
  for (let index = 0; index < HUNG_RECORDS; index++) {
    await client.append(0, encodeBatch([{ timestamp: Date.now(), key: null, value, headers: [] }]))
  }
  await until('a call hangs', async () => (await countFaults(url)).hang > hang)
  for (const deadlineMs = Date.now() + SETTLE_MS_MAX / 2; ; await sleep(PAUSE_MS)) {
    if ((await client.tieredOffsets()) > 0) return []
    const what = 'no record leaves a partition after a call of R2 without a response'
    if (Date.now() > deadlineMs) return [{ promise: 'R2', what }]
  }
}
