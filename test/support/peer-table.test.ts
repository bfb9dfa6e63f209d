/** Tests the table of `npm run bench:peer`. */
import { expect, it } from 'vitest'
import { peerTable } from '../bench/peer/peer-table.ts'

it('shows the median, the spread, and the ratios of edgelog to both of Kafka', () => {
  const table = peerTable([
    {
      figure: { name: 'sends/s', better: 'more' },
      values: {
        kafka: [3_000, 1_000, 2_000],
        'kafka-flushed': [250, 200, 300],
        edgelog: [99, 500, 1],
      },
    },
    {
      figure: { name: 'memory (MB)', better: 'less' },
      values: { kafka: [600], 'kafka-flushed': [600], edgelog: [1.5] },
    },
  ])
  expect(table.split('\n')).toEqual([
    '| figure | better | kafka | kafka-flushed | edgelog | edgelog / kafka | edgelog / kafka-flushed |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    '| sends/s | more | 2,000 (1,000 to 3,000) | 250 (200 to 300) | 99.0 (1.00 to 500) | 0.05 | 0.40 |',
    '| memory (MB) | less | 600 | 600 | 1.50 | 0.00 | 0.00 |',
  ])
})

it('shows no ratio to a latency of 0 whole milliseconds', () => {
  const figure = { name: 'p50 (whole ms)', better: 'less' } as const
  const values = { kafka: [0], 'kafka-flushed': [1], edgelog: [4] }
  const row = '| p50 (whole ms) | less | 0.00 | 1.00 | 4.00 | - | 4.00 |'
  expect(peerTable([{ figure, values }])).toContain(row)
})
