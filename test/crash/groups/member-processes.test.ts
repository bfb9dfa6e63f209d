/** Question: is a member that crashes or hangs reported? The other members would take over and hide it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { type MemberProcess, MemberProcesses } from './member-processes.ts'

let processes = new MemberProcesses()
afterEach(() => processes.killAll())

/** Starts `script` and resolves when it has printed its first line. */
async function started(script: string, endMsMax?: number): Promise<MemberProcess> {
  processes = new MemberProcesses(endMsMax)
  const member = processes.start('member1', ['--eval', `console.error('there');${script}`])
  await new Promise((resolve) => member.process.stderr?.once('data', resolve))
  return member
}

const GO_ON = 'setInterval(() => {}, 1_000);'

describe('MemberProcesses', () => {
  test('reports a member that ends by itself, with its error output', async () => {
    await (await started('throw new Error("out of order")')).gone
    const [violation] = await processes.finish()
    expect(violation).toMatchObject({ promise: 'member' })
    expect(violation?.what).toMatch(/^member1 ended by itself, exit code 1.*out of order/s)
  })

  test('reports a member that ends by itself without an error', async () => {
    await (await started('')).gone
    expect(await processes.finish()).toHaveLength(1)
  })

  test('reports and kills a member that does not end when asked to', async () => {
    const member = await started(`process.on('SIGTERM', () => {});${GO_ON}`, 300)
    await sleep(100)
    processes.end(member)
    const violations = await processes.finish()
    expect(violations).toEqual([{ promise: 'member', what: 'member1 did not end within 300 ms' }])
    expect(member.process.signalCode).toBe('SIGKILL')
  })

  test('reports a member that fails while it ends', async () => {
    const member = await started(`process.on('SIGTERM', () => process.exit(3));${GO_ON}`)
    await sleep(100)
    processes.end(member)
    const [violation] = await processes.finish()
    expect(violation?.what).toMatch(/^member1 failed while it ended, exit code 3/)
  })

  test.each(['SIGKILL', 'SIGTERM', 'nothing'])(
    'does not report a member that was sent %s',
    async (signal) => {
      const member = await started(`process.on('SIGTERM', () => process.exit(0));${GO_ON}`)
      await sleep(100)
      if (signal === 'SIGKILL') processes.kill(member)
      if (signal === 'SIGTERM') processes.end(member)
      expect(await processes.finish()).toEqual([])
    },
  )
})
