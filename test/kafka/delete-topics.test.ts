/** Checks that DeleteTopics by id deletes only that topic, whatever the edge has cached under its name. */
import { expect, test, vi } from 'vitest'
import { DELETE_TOPICS } from '../../src/kafka/apis/delete-topics.ts'
import { ask, brokerOf, callerOf, topicOf } from './door.ts'

test('deletes by id only the topic with that id, and by name whatever topic has the name', async () => {
  const topic = topicOf('deleted')
  const deleteTopics = vi.fn(async () => ({ ok: [{ ok: null }] }))
  const found = async () => ({ ok: topic })
  const broker = brokerOf({ coordinator: { getTopic: found, getTopicById: found, deleteTopics } })
  await broker.topics.find({ name: topic.name }, 'describe')
  const response = await ask(callerOf(broker), DELETE_TOPICS, 6, {
    topics: [{ topicId: topic.id }],
    timeoutMs: 1,
  })
  expect(response?.responses).toMatchObject([{ name: 'deleted', topicId: topic.id, errorCode: 0 }])
  expect(deleteTopics).toHaveBeenLastCalledWith([{ name: 'deleted', id: topic.id }])
  await ask(callerOf(broker), DELETE_TOPICS, 5, { topicNames: ['deleted'], timeoutMs: 1 })
  expect(deleteTopics).toHaveBeenLastCalledWith([{ name: 'deleted' }])
})
