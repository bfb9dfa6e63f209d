/** Compares one-record appends over sessions with HTTP requests to an object that does nothing. */
import type { ServerProcess } from '../server/server-process.ts'
import type { Comparison } from './compare.ts'
import { HttpLoad, median } from './http-load.ts'
import { SessionLoad } from './session-load.ts'
import { createTopic, randomBatch } from './throughput.ts'

const FLOOR_CALLS = 6_000
const FLOOR_IN_FLIGHT = 32
const APPENDS = 20_000

const CASES = [
  { inFlight: 32, sessionsCount: 1, target: '>= 1.2' },
  { inFlight: 256, sessionsCount: 1, target: '>= 2.0' },
  { inFlight: 256, sessionsCount: 8, target: '>= 3.0' },
]

export async function compareSessionRates(
  ours: ServerProcess,
  floor: ServerProcess,
  rounds: number,
): Promise<Comparison[]> {
  const topic = 'session'
  await new HttpLoad(ours.url).call(createTopic(topic))
  const floorLoad = new HttpLoad(floor.url)
  const batch = randomBatch(1)
  const noop = { method: 'POST', path: '/noop', body: batch } as const
  const comparisons: Comparison[] = []
  for (const { inFlight, sessionsCount, target } of CASES) {
    const sessions = await SessionLoad.open(ours.url, topic, sessionsCount)
    const rates = { ours: [] as number[], floor: [] as number[] }
    // After one round to warm up, the two alternate.
    for (let round = -1; round < rounds; round++) {
      const floorRate = await floorLoad.rate(FLOOR_CALLS, FLOOR_IN_FLIGHT, () => noop)
      const rate = await sessions.rate(APPENDS, inFlight, batch)
      if (round < 0) continue
      rates.floor.push(floorRate)
      rates.ours.push(rate)
    }
    sessions.close()
    comparisons.push({
      figure: `one-record appends, ${inFlight} in flight over ${sessionsCount === 1 ? 'one session' : `${sessionsCount} sessions`}, beside a no-op Durable Object over HTTP, ${FLOOR_IN_FLIGHT} in flight`,
      unit: 'requests/s',
      target,
      ours: median(rates.ours),
      floor: median(rates.floor),
      ratio: median(rates.ours.map((rate, round) => rate / (rates.floor[round] ?? Number.NaN))),
    })
  }
  return comparisons
}
