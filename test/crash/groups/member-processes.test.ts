/** Question: is a member seen that dies by itself, or hangs? Otherwise the others would cover it up. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { type MemberProcess, MemberProcesses } from './member-processes.ts'

let processes = new MemberProcesses()
afterEach(() => processes.killAll())

/** Resolves when `script` has said that it is there. */
async function started(script: string, endMsMax?: number): Promise<MemberProcess> {
  processes = new MemberProcesses(endMsMax)
  const member = processes.start('member1', ['--eval', `console.error('there');${script}`])
  await new Promise((resolve) => member.process.stderr?.once('data', resolve))
  return member
}

const GO_ON = 'setInterval(() => {}, 1_000);'

test('one that ends by itself is a violation, with what it said', async () => {
  await (await started('throw new Error("out of order")')).gone
  const [violation] = await processes.finish()
  expect(violation).toMatchObject({ promise: 'member' })
  expect(violation?.what).toMatch(/^member1 ended by itself, exit code 1.*out of order/s)
})

test('so is one that ends without a failure', async () => {
  await (await started('')).gone
  expect(await processes.finish()).toHaveLength(1)
})

test('so is one that does not end when it is asked to, and it is killed', async () => {
  const member = await started(`process.on('SIGTERM', () => {});${GO_ON}`, 300)
  await sleep(100)
  processes.end(member)
  const violations = await processes.finish()
  expect(violations).toEqual([{ promise: 'member', what: 'member1 did not end within 300 ms' }])
  expect(member.process.signalCode).toBe('SIGKILL')
})

test('so is one that fails as it ends', async () => {
  const member = await started(`process.on('SIGTERM', () => process.exit(3));${GO_ON}`)
  await sleep(100)
  processes.end(member)
  const [violation] = await processes.finish()
  expect(violation?.what).toMatch(/^member1 failed as it ended, exit code 3/)
})

test.each(['SIGKILL', 'SIGTERM', 'nothing'])('one that was sent %s is none', async (signal) => {
  const member = await started(`process.on('SIGTERM', () => process.exit(0));${GO_ON}`)
  await sleep(100)
  if (signal === 'SIGKILL') processes.kill(member)
  if (signal === 'SIGTERM') processes.end(member)
  expect(await processes.finish()).toEqual([])
})
