/** Measures how long `send()` takes until the record is durable, in an online page. */
import { inPage } from './in-page.ts'
import type { BenchStage } from './stage.ts'

export interface Percentiles {
  readonly p50Ms: number
  readonly p95Ms: number
}

export interface SendFigures {
  /** Concurrent sends. */
  readonly concurrent: number
  readonly ours: Percentiles
  readonly rows: Percentiles
}

const TOPIC = 'send'
const SENDS = 1_000

export async function measureSends(stage: BenchStage, rounds: number): Promise<SendFigures[]> {
  await stage.createTopic(TOPIC)
  const cases = [1, 100].map((concurrent) => ({
    concurrent,
    ours: [] as number[],
    rows: [] as number[],
  }))
  // After one round to warm up, both alternate, so a busy moment of the machine affects both.
  for (let round = -1; round < rounds; round++) {
    for (const { concurrent, ours, rows } of cases) {
      const count = concurrent === 1 ? SENDS / 5 : SENDS
      for (const side of round % 2 === 0
        ? (['ours', 'rows'] as const)
        : (['rows', 'ours'] as const)) {
        const tookMs = await timeSends(stage, concurrent, count, side === 'rows')
        if (round >= 0) (side === 'ours' ? ours : rows).push(...tookMs)
      }
    }
  }
  return cases.map(({ concurrent, ours, rows }) => ({
    concurrent,
    ours: percentiles(ours),
    rows: percentiles(rows),
  }))
}

/** Returns the milliseconds that each send took. */
function timeSends(
  { server, openPage }: BenchStage,
  concurrent: number,
  count: number,
  asRows: boolean,
): Promise<number[]> {
  return inPage(openPage, (page) =>
    page.evaluate(
      async ([url, topic, atOnce, total, isNaive]) => {
        const value = 'x'.repeat(100)
        const log = isNaive ? undefined : window.edgelog.connect({ url, principal: 'send' })
        const store = await window.baseline.RowPerRecord.open('send', url, topic)
        const send = () => (log ? log.send(topic, { value }) : store.send(value))
        // Loads the topic's metadata.
        await send()
        await log?.flush()
        const tookMs: number[] = []
        for (let sent = 0; sent < total; sent += atOnce) {
          const startedAtMs = performance.now()
          const timed = async () => {
            await send()
            tookMs.push(performance.now() - startedAtMs)
          }
          await Promise.all(Array.from({ length: atOnce }, timed))
        }
        store.close()
        await log?.flush()
        await log?.close()
        return tookMs
      },
      [server.url, TOPIC, concurrent, count, asRows] as const,
    ),
  )
}

function percentiles(values: readonly number[]): Percentiles {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? Number.NaN
  return { p50Ms: at(0.5), p95Ms: at(0.95) }
}
