/** Calls of the authorizer. */
import { expect, test, vi } from 'vitest'
import { Access } from '../../src/broker/access.ts'
import type { Authorizer } from '../../src/core/access/authorizer.ts'
import { ANONYMOUS } from '../../src/core/access/principal.ts'
import { CLUSTER, topicResource } from '../../src/core/access/resource.ts'

const topic = topicResource('orders')
const refused = { code: 'topic_authorization_failed' }

test('begins the work synchronously if the authorizer decides synchronously', () => {
  const work = vi.fn(async () => 'done')
  void new Access(ANONYMOUS, () => true).guard('write', topic, work)
  expect(work).toHaveBeenCalledTimes(1)
})

test('waits for an authorizer that decides asynchronously', async () => {
  const work = vi.fn(async () => 'done')
  const result = new Access(ANONYMOUS, async () => true).guard('write', topic, work)
  expect(work).not.toHaveBeenCalled()
  expect(await result).toBe('done')
})

test.each<[string, Authorizer]>([
  ['false', () => false],
  ['a promise of false', async () => false],
  ['a value that is not a boolean', (() => 'yes') as unknown as Authorizer],
  ['a promise of nothing', (async () => undefined) as unknown as Authorizer],
])('does no work if the authorizer returns %s', async (_, authorizer) => {
  const work = vi.fn(async () => 'done')
  const access = new Access(ANONYMOUS, authorizer)
  await expect(access.guard('write', topic, work)).rejects.toMatchObject(refused)
  await expect(access.check('write', topic)).rejects.toMatchObject(refused)
  expect(await access.allows('write', topic)).toBe(false)
  expect(work).not.toHaveBeenCalled()
})

test('does no work if the authorizer fails', async () => {
  const work = vi.fn(async () => 'done')
  const access = new Access(ANONYMOUS, async () => {
    throw new Error('the directory does not respond')
  })
  await expect(access.guard('write', topic, work)).rejects.toThrow('directory')
  expect(work).not.toHaveBeenCalled()
})

test('passes the principal, the operation and the resource to the authorizer', async () => {
  const authorizer = vi.fn(() => true)
  await new Access(ANONYMOUS, authorizer).check('describe', CLUSTER)
  expect(authorizer.mock.calls).toEqual([[ANONYMOUS, 'describe', CLUSTER]])
})

test('calls the authorizer once per resource of a list', async () => {
  const authorizer = vi.fn(() => true)
  const names = ['a', 'b', 'a', 'a']
  await new Access(ANONYMOUS, authorizer).filter(names, 'describe', topicResource)
  expect(authorizer).toHaveBeenCalledTimes(2)
})

test('filters a list in order, and lists the allowed operations', async () => {
  const access = new Access(ANONYMOUS, (_, operation, { name }) => {
    return name !== 'secret' && operation !== 'delete'
  })
  const names = ['c', 'secret', 'a']
  expect(await access.filter(names, 'describe', topicResource)).toEqual(['c', 'a'])
  const operations = await access.operationsOn(topic)
  expect(operations).toContain('read')
  expect(operations).not.toContain('delete')
})
