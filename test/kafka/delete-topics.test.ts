/** That DeleteTopics by id deletes that topic, whatever the edge remembers of its name. */
import { expect, test, vi } from 'vitest'
import { DELETE_TOPICS } from '../../src/kafka/apis/delete-topics.ts'
import { ask, callerOf, clusterOf, topicOf } from './door.ts'

test('by id is held to the id, by name goes by the name', async () => {
  const topic = topicOf('deleted')
  const deleteTopic = vi.fn(async () => ({ ok: null }))
  const found = async () => ({ ok: topic })
  const cluster = clusterOf({ coordinator: { getTopic: found, getTopicById: found, deleteTopic } })
  cluster.topics.forget(topic.name)
  await cluster.topics.get(topic.name)
  const answer = await ask(callerOf(cluster), DELETE_TOPICS, 6, {
    topics: [{ topicId: topic.id }],
    timeoutMs: 1,
  })
  expect(answer?.responses).toMatchObject([{ name: 'deleted', topicId: topic.id, errorCode: 0 }])
  expect(deleteTopic).toHaveBeenLastCalledWith('deleted', topic.id)
  await ask(callerOf(cluster), DELETE_TOPICS, 5, { topicNames: ['deleted'], timeoutMs: 1 })
  expect(deleteTopic).toHaveBeenLastCalledWith('deleted', undefined)
})
