import { expect, test } from 'vitest'
import { useStage } from './support/stage.ts'

const stage = useStage()

test('a typed topic sends JSON from one page and reads it in another', async () => {
  const scene = await stage.scene()
  const writer = await scene.tab()
  const offset = await writer.evaluate(async (name) => {
    const { acked } = await window.log
      .topic<{ item: string }>(name)
      .send({ value: { item: 'tea' } })
    return (await acked).offset
  }, scene.topic)
  expect(offset).toBe(0)
  const reader = await scene.tab()
  const record = await reader.evaluate(async (name) => {
    const topic = window.log.topic<{ item: string }>(name)
    for await (const { value, key } of topic.records({ from: 'earliest' })) return { value, key }
    return undefined
  }, scene.topic)
  expect(record).toEqual({ value: { item: 'tea' }, key: null })
})
