/** Parses the output of Kafka's performance tools. */

export interface RecordRate {
  readonly records: number
  readonly recordsPerSecond: number
}

export interface Latencies {
  readonly meanMs: number
  /** Whole milliseconds, as the tool prints them. */
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Parses the total of kafka-producer-perf-test: only that line has percentiles. */
export function parseProducerPerformance(printed: string): RecordRate {
  const total = /^(\d+) records sent, ([\d.]+) records\/sec .* 99\.9th\.$/m.exec(printed)
  if (total === null) throw new Error(`ProducerPerformance printed no total:\n${printed}`)
  return { records: Number(total[1]), recordsPerSecond: Number(total[2]) }
}

/** Parses the table of kafka-consumer-perf-test: one header and one line of values. */
export function parseConsumerPerformance(printed: string): RecordRate {
  const lines = printed.split('\n').map((line) => line.split(',').map((cell) => cell.trim()))
  const at = lines.findIndex(([first]) => first === 'start.time')
  const value = (column: string) => Number(lines[at + 1]?.[lines[at]?.indexOf(column) ?? -1])
  const rate = {
    records: value('data.consumed.in.nMsg'),
    recordsPerSecond: value('fetch.nMsg.sec'),
  }
  if (!Number.isFinite(rate.records) || !Number.isFinite(rate.recordsPerSecond)) {
    throw new Error(`ConsumerPerformance printed no table of values:\n${printed}`)
  }
  return rate
}

/** Parses the mean and the percentiles of kafka-e2e-latency. */
export function parseEndToEndLatency(printed: string): Latencies {
  const mean = /^Avg latency: ([\d.]+) ms$/m.exec(printed)
  const percentiles = /^Percentiles: 50th = (\d+), 99th = (\d+),/m.exec(printed)
  if (mean === null || percentiles === null) {
    throw new Error(`EndToEndLatency printed no latencies:\n${printed}`)
  }
  return {
    meanMs: Number(mean[1]),
    p50Ms: Number(percentiles[1]),
    p99Ms: Number(percentiles[2]),
  }
}

/** Parses the progress of TransactionalMessageCopier: the rate from its first finished transaction to its last. */
export function parseCopier(printed: string): RecordRate {
  const progress = printed
    .split('\n')
    .filter((line) => line.includes('"stage":"ProcessLoop"'))
    .map((line) => JSON.parse(line) as { readonly time: string; readonly totalProcessed: number })
    .map(({ time, totalProcessed }) => ({ timeMs: copierTimeMs(time), totalProcessed }))
    .filter(({ totalProcessed }) => totalProcessed > 0)
  const [first, last] = [progress[0], progress.at(-1)]
  if (first === undefined || last === undefined || last.timeMs <= first.timeMs) {
    throw new Error(`TransactionalMessageCopier printed no progress:\n${printed}`)
  }
  const copied = last.totalProcessed - first.totalProcessed
  return {
    records: last.totalProcessed,
    recordsPerSecond: copied / ((last.timeMs - first.timeMs) / 1_000),
  }
}

/** Reads `2026/11/30 01:09:33:164`. */
function copierTimeMs(time: string): number {
  return Date.parse(
    time
      .replaceAll('/', '-')
      .replace(/:(\d{3})$/, '.$1')
      .replace(' ', 'T'),
  )
}
