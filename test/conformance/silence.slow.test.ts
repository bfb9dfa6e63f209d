/** A group whose members fall silent together, and that nobody asks about: its object sleeps meanwhile. */
import { expect, test } from 'vitest'
import { GroupMember } from './group-member.ts'
import { useTarget } from './target.ts'

const target = useTarget()
const { request, topic } = target

/** Longer than it takes the platform to put an object to sleep that nobody calls. */
const SESSION_MS = 11_000
/** It wakes up by its alarm, begins the session anew, and waits for its end. */
const SILENCE_MS = 2 * SESSION_MS + 8_000

test('is emptied all the same', { timeout: SILENCE_MS + 30_000 }, async () => {
  const name = await topic()
  const group = `silent-${process.pid}-${Date.now()}`
  const member = new GroupMember(target, group, { topics: [name], sessionTimeoutMs: SESSION_MS })
  await member.beat()
  await new Promise((resolve) => setTimeout(resolve, SILENCE_MS))
  const response = await request('GET', `/v1/groups/${group}?lag=false`)
  expect(await response.json<object>()).toMatchObject({ state: 'empty', memberCount: 0 })
})
