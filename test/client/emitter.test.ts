import { expect, test } from 'vitest'
import { Emitter } from '../../client/emitter.ts'

test('calls the other listeners if one throws, and reports its error as uncaught', async () => {
  const emitter = new Emitter<{ readonly tick: number }>()
  const failure = new Error('a fault of the application')
  const uncaught: unknown[] = []
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.once('uncaughtException', (error) => uncaught.push(error))
  const ticks: number[] = []
  emitter.on('tick', () => {
    throw failure
  })
  const off = emitter.on('tick', (tick) => ticks.push(tick))
  emitter.emit('tick', 1)
  off()
  off()
  await expect.poll(() => uncaught).toEqual([failure])
  for (const listener of listeners) process.on('uncaughtException', listener)
  expect(ticks).toEqual([1])
})
