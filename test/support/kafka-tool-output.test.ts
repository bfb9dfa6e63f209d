/** Tests the parsers of `test/bench/peer` with output of Kafka 4.3's tools. */
import { describe, expect, it } from 'vitest'
import {
  parseConsumerPerformance,
  parseCopier,
  parseEndToEndLatency,
  parseProducerPerformance,
} from '../bench/peer/tool-output.ts'

const PRODUCED = `540576 records sent, 108093.6 records/sec (10.31 MB/sec), 1502.2 ms avg latency, 1915.0 ms max latency.
1573387 records sent, 314488.7 records/sec (29.99 MB/sec), 818.2 ms avg latency, 1658.0 ms max latency.
4000000 records sent, 277123.458501 records/sec (26.43 MB/sec), 529.73 ms avg latency, 1915.00 ms max latency, 77 ms 50th, 1723 ms 95th, 1860 ms 99th, 1904 ms 99.9th.
`
const CONSUMED = `start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec
2026-11-29 20:07:48:490, 2026-11-29 20:07:52:334, 381.4697, 99.2377, 4000000, 1040582.7263, 1060, 2784, 137.0222, 1436781.6092
`
const DELIVERED = `Topic "t2" does not exist. Will create topic with 1 partition(s) and replication factor = 1
0\t60.916506999999996
1000\t0.916871
Avg latency: 1.9096 ms
Percentiles: 50th = 1, 99th = 8, 99.9th = 23
`

describe('parseProducerPerformance', () => {
  it('returns the total and not the lines of progress', () => {
    const rate = { records: 4_000_000, recordsPerSecond: 277_123.458501 }
    expect(parseProducerPerformance(PRODUCED)).toEqual(rate)
  })

  it('rejects output without a total', () => {
    const progress = PRODUCED.split('\n').slice(0, 2).join('\n')
    expect(() => parseProducerPerformance(progress)).toThrow('printed no total')
  })
})

describe('parseConsumerPerformance', () => {
  it('returns the rate without the time to join the group', () => {
    const rate = { records: 4_000_000, recordsPerSecond: 1_436_781.6092 }
    expect(parseConsumerPerformance(CONSUMED)).toEqual(rate)
  })

  it('ignores a warning above the table', () => {
    const warned = `WARNING: Exiting before consuming the expected number of records\n${CONSUMED}`
    expect(parseConsumerPerformance(warned).records).toBe(4_000_000)
  })

  it.each([
    ['an empty output', ''],
    ['a header without values', CONSUMED.split('\n')[0] ?? ''],
    ['values without a header', CONSUMED.split('\n')[1] ?? ''],
    ['a table without the rate', CONSUMED.replace('fetch.nMsg.sec', 'another')],
  ])('rejects %s', (_, printed) => {
    expect(() => parseConsumerPerformance(printed)).toThrow('printed no table of values')
  })
})

describe('parseEndToEndLatency', () => {
  it('returns the mean and the percentiles', () => {
    expect(parseEndToEndLatency(DELIVERED)).toEqual({ meanMs: 1.9096, p50Ms: 1, p99Ms: 8 })
  })

  it.each(['Avg', 'Percentiles'])('rejects output without the line of %s', (line) => {
    expect(() => parseEndToEndLatency(DELIVERED.replace(line, 'Other'))).toThrow(
      'printed no latencies',
    )
  })
})

describe('parseCopier', () => {
  const line = (time: string, totalProcessed: number) =>
    JSON.stringify({ stage: 'ProcessLoop', time: `2026/11/30 01:09:${time}`, totalProcessed })

  it('returns the rate between the first finished transaction and the last', () => {
    const lines = [line('31:000', 0), line('33:500', 100), 'noise', line('35:500', 1_100)]
    expect(parseCopier(lines.join('\n'))).toEqual({ records: 1_100, recordsPerSecond: 500 })
  })

  it('rejects output without a finished transaction', () => {
    expect(() => parseCopier(line('31:000', 0))).toThrow('printed no progress')
  })
})
