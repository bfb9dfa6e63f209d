/** Batches and headers for tests of the log's rules, which read headers only. */
import { encodeBatch } from '../../../src/core/batch/batch-builder.ts'
import { assignOffset, type BatchHeader } from '../../../src/core/batch/record-batch.ts'
import { concatenate } from '../../../src/core/bytes/concatenate.ts'
import { resolveTopicConfig, type TopicConfig } from '../../../src/core/topic/topic-config.ts'

export const NOW_MS = 1_700_000_000_000

export interface HeaderFields extends Partial<BatchHeader> {
  readonly records?: number
}

/** Returns the header of a batch of `records` records, without a producer. */
export function header({ records = 1, ...fields }: HeaderFields = {}): BatchHeader {
  return {
    position: 0,
    sizeBytes: 100,
    baseOffset: 0,
    partitionLeaderEpoch: -1,
    crc: 0,
    compression: 'none',
    timestampType: 'CreateTime',
    isTransactional: false,
    isControl: false,
    hasDeleteHorizon: false,
    lastOffsetDelta: records - 1,
    baseTimestamp: NOW_MS,
    maxTimestamp: NOW_MS,
    producerId: -1n,
    producerEpoch: -1,
    baseSequence: -1,
    recordsCount: records,
    ...fields,
  }
}

export function config(overrides: Record<string, string> = {}): TopicConfig {
  return resolveTopicConfig(overrides)
}

export interface BatchShape {
  readonly timestamps: readonly number[]
  readonly valueBytes: number
}

export interface PlacedShape extends BatchShape {
  readonly baseOffset: number
  readonly bytes: Uint8Array
}

/** Returns real batches, one after the other from `firstOffset`, as a log would store them. */
export function placeShapes(shapes: readonly BatchShape[], firstOffset: number): PlacedShape[] {
  let baseOffset = firstOffset
  return shapes.map((shape) => {
    const bytes = encodeBatch(
      shape.timestamps.map((timestamp) => ({
        timestamp,
        key: null,
        value: new Uint8Array(shape.valueBytes),
        headers: [],
      })),
    )
    assignOffset(bytes, 0, baseOffset, 0)
    const placed = { ...shape, baseOffset, bytes }
    baseOffset += shape.timestamps.length
    return placed
  })
}

export function chunkOf(placed: readonly PlacedShape[]): Uint8Array {
  return concatenate(placed.map(({ bytes }) => bytes))
}
