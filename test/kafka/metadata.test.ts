/** More partitions than one Metadata response holds: every topic is listed, and none with too few partitions. */
import { expect, test } from 'vitest'
import { KAFKA_METADATA_PARTITIONS_MAX } from '../../src/core/limits.ts'
import { describe } from '../../src/kafka/apis/metadata.ts'
import { topicOf } from './door.ts'

const LEADER_NOT_AVAILABLE = 5
const PARTITIONS = 900
const FITTING = Math.floor(KAFKA_METADATA_PARTITIONS_MAX / PARTITIONS)

test('lists topics that do not fit with an error that makes clients request them again', () => {
  const small = topicOf('small')
  const large = Array.from({ length: FITTING + 20 }, (_, index) => {
    return topicOf(`t${index}`, { partitions: PARTITIONS })
  })
  const topics = [...large, small]
  const described = describe(topics)
  expect(described.map(({ name }) => name)).toEqual(topics.map(({ name }) => name))
  const [inside, left] = [large.slice(0, FITTING), large.slice(FITTING)]
  const summary = ({ name, errorCode, partitions }: (typeof described)[number]) => {
    return [name, errorCode, partitions.length]
  }
  expect(described.map(summary)).toEqual([
    ...inside.map(({ name }) => [name, 0, PARTITIONS]),
    ...left.map(({ name }) => [name, LEADER_NOT_AVAILABLE, 0]),
    // A topic that fits is not left out because one before it did not.
    [small.name, 0, 1],
  ])
  expect(describe(left).map(summary)).toEqual(left.map(({ name }) => [name, 0, PARTITIONS]))
})

test('returns the maximum number of partitions, and no more', () => {
  const topics = Array.from({ length: KAFKA_METADATA_PARTITIONS_MAX / 1_000 + 1 }, (_, index) => {
    return topicOf(`t${index}`, { partitions: 1_000 })
  })
  const described = describe(topics)
  expect(described.flatMap(({ partitions }) => partitions)).toHaveLength(
    KAFKA_METADATA_PARTITIONS_MAX,
  )
  expect(described.at(-1)).toMatchObject({ errorCode: LEADER_NOT_AVAILABLE, partitions: [] })
})
