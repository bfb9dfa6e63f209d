/** Entries of the topic cache, and their lifetime. */
import { expect, test } from 'vitest'
import { TopicCache } from '../../src/broker/topic-cache.ts'
import { METADATA_TOPICS_MAX, METADATA_TTL_MS } from '../../src/core/limits.ts'
import type { Topic } from '../../src/core/topic/topic.ts'
import { resolveTopicConfig } from '../../src/core/topic/topic-config.ts'
import { parseTopicName } from '../../src/core/topic/topic-name.ts'

const CONFIG = resolveTopicConfig({})

function topicOf(name: string, fields: Partial<Topic> = {}): Topic {
  const topicName = parseTopicName(name)
  const common = { partitions: 1, version: 1, config: CONFIG, overrides: {} }
  return { id: `id of ${name}`, name: topicName, ...common, ...fields }
}

test('finds a topic by its name and by its id, and sets when it is stale', () => {
  const cache = new TopicCache()
  const topic = topicOf('known')
  expect(cache.set(topic, 1_000).refreshAtMs).toBe(1_000 + METADATA_TTL_MS)
  expect(cache.get(topic.name)?.topic).toBe(topic)
  expect(cache.nameOf(topic.id)).toBe(topic.name)
})

test('keeps the later version if responses arrive out of order', () => {
  const cache = new TopicCache()
  const later = topicOf('known', { version: 2 })
  cache.set(later, 0)
  expect(cache.set(topicOf('known'), 1).topic).toBe(later)
})

test('keeps the ids of partitions while the topic is the same, and drops them for a new topic', () => {
  const cache = new TopicCache()
  const partitionId = {} as DurableObjectId
  cache.set(topicOf('known'), 0).partitionIds[0] = partitionId
  expect(cache.set(topicOf('known', { version: 2 }), 1).partitionIds).toEqual([partitionId])
  const anew = topicOf('known', { id: 'another' })
  expect(cache.set(anew, 2).partitionIds).toEqual([])
  expect(cache.nameOf('id of known')).toBeUndefined()
  expect(cache.nameOf('another')).toBe(anew.name)
})

test('evicts the topic that was set least recently when it is full', () => {
  const cache = new TopicCache()
  for (let index = 0; index < METADATA_TOPICS_MAX; index++) cache.set(topicOf(`t${index}`), 0)
  cache.set(topicOf('t0'), 1)
  cache.set(topicOf('one-more'), 2)
  expect(cache.get(parseTopicName('t1'))).toBeUndefined()
  expect(cache.nameOf('id of t1')).toBeUndefined()
  expect(cache.get(parseTopicName('t0'))).toBeDefined()
})
