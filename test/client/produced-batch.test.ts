import { expect, test } from 'vitest'
import { ProducedBatch, type RecordMetadata } from '../../client/producer/produced-batch.ts'

test.each([
  [40, null, [40, 41], [5, 6]],
  [40, 9, [40, 41], [9, 9]],
  // In the log, but the offset is no longer available.
  [-1, null, [-1, -1], [5, 6]],
])(
  'a batch at %d with log append time %s resolves its records to %j',
  (baseOffset, logAppendTime, offsets, timestamps) => {
    const told: RecordMetadata[] = []
    const batch = new ProducedBatch(0)
    for (const timestamp of [5, 6]) {
      batch.add((metadata) => told.push(metadata as RecordMetadata), timestamp, 10)
    }
    batch.resolve('orders', 2, baseOffset, logAppendTime)
    expect(told).toEqual(
      [0, 1].map((index) => ({
        topic: 'orders',
        partition: 2,
        offset: offsets[index],
        timestamp: timestamps[index],
      })),
    )
  },
)
