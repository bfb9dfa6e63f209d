/** A page that is a member of a consumer group. */
import type { Page } from 'playwright-core'
import type { LogServer } from './log-server.ts'

const SESSION_TIMEOUT_MS = 2_000

export interface Member {
  handled: string[]
  partitions: number[]
  stopped: string | undefined
}

/** Joins the group in the page, and records the handled values, one record per `pauseMs`. */
export async function join(
  page: Page,
  topic: string,
  groupId: string,
  pauseMs: number,
): Promise<void> {
  await page.evaluate(
    async ([topic, groupId, sessionTimeoutMs, pauseMs]) => {
      const member: Member = { handled: [], partitions: [], stopped: undefined }
      Object.assign(window, { member })
      const consumer = await window.log.consumer({
        groupId,
        topics: [topic],
        from: 'earliest',
        sessionTimeoutMs,
        autoCommitIntervalMs: 200,
      })
      consumer.on('assignment', ({ current }) => {
        member.partitions = current.map(({ partition }) => partition)
      })
      const work = consumer.run(async ({ records }) => {
        for (const { valueText } of records) {
          await new Promise((done) => setTimeout(done, pauseMs))
          member.handled.push(`${valueText}`)
        }
      })
      work.catch((error) => {
        member.stopped = String(error)
      })
      Object.assign(window, { leave: () => consumer.close() })
    },
    [topic, groupId, SESSION_TIMEOUT_MS, pauseMs] as const,
  )
}

export function memberOf(page: Page): Promise<Member> {
  return page.evaluate(() => (window as unknown as { member: Member }).member)
}

/** Returns the sum of the offsets that the group has committed in a topic. */
export async function committed(
  server: LogServer,
  groupId: string,
  topic: string,
): Promise<number> {
  const path = `/v1/groups/${groupId}/offsets?topic=${topic}`
  const { offsets } = await server.request<{ offsets: Array<{ offset: number }> }>('GET', path)
  return offsets.reduce((sum, { offset }) => sum + Math.max(0, offset), 0)
}
