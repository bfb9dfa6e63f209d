/** Measures the first response of an evicted partition, with a large log and with a small one. */
import type { ServerProcess } from '../server/server-process.ts'
import { HttpLoad, median } from './http-load.ts'
import { BATCH, batchOf, createTopic } from './throughput.ts'

const IDLE_MS = 12_000

export interface WakeFigures {
  readonly largeMs: number
  readonly smallMs: number
  readonly largeBytes: number
}

export async function measureWake(
  server: ServerProcess,
  largeBytes: number,
  rounds: number,
): Promise<WakeFigures> {
  const body = batchOf(1_000_000)
  const path = (topic: string) => `/v1/topics/${topic}/partitions/0/records`
  const append = (topic: string) =>
    ({ method: 'POST', path: path(topic), body, headers: { 'Content-Type': BATCH } }) as const
  const load = new HttpLoad(server.url)
  for (const topic of ['much', 'little', 'other']) await load.call(createTopic(topic))
  await load.rate(Math.ceil(largeBytes / body.length), 4, () => append('much'))
  await load.rate(1, 1, () => append('little'))
  await load.rate(1, 1, () => append('other'))
  const times = { much: [] as number[], little: [] as number[] }
  for (let round = 0; round < rounds; round++) {
    // The runtime evicts an object after ten idle seconds.
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS))
    // Wakes the Worker and the coordinator, so that the measured call wakes only the partition.
    await load.call({ method: 'GET', path: `${path('other')}?offset=latest` })
    const order = round % 2 === 0 ? (['much', 'little'] as const) : (['little', 'much'] as const)
    for (const topic of order) {
      const startedAtMs = performance.now()
      await load.call({ method: 'GET', path: `${path(topic)}?offset=latest` })
      times[topic].push(performance.now() - startedAtMs)
    }
  }
  return { largeMs: median(times.much), smallMs: median(times.little), largeBytes }
}
