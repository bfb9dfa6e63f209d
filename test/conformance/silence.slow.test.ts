/** A group whose members become silent together and that receives no calls: its object sleeps meanwhile. */
import { expect, test } from 'vitest'
import { GroupMember } from './group-member.ts'
import { useTarget } from './target.ts'

const target = useTarget()
const { request, topic } = target

/** Longer than the platform takes to put an unused object to sleep. */
const SESSION_MS = 11_000
/** The object wakes up by its alarm, restarts the session, and waits for its end. */
const SILENCE_MS = 2 * SESSION_MS + 8_000

test('is emptied by the alarm', { timeout: SILENCE_MS + 30_000 }, async () => {
  const name = await topic()
  const group = `silent-${process.pid}-${Date.now()}`
  const member = new GroupMember(target, group, { topics: [name], sessionTimeoutMs: SESSION_MS })
  await member.beat()
  await new Promise((resolve) => setTimeout(resolve, SILENCE_MS))
  const response = await request('GET', `/v1/groups/${group}?lag=false`)
  expect(await response.json<object>()).toMatchObject({ state: 'empty', memberCount: 0 })
})
