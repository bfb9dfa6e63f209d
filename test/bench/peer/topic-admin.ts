/** Creates and deletes topics by kafkajs, and waits until clients see the change. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Admin, type ITopicConfig, Kafka, logLevel } from 'kafkajs'

const TIMEOUT_MS = 60_000
const PAUSE_MS = 5

export async function openAdmin(bootstrap: string): Promise<Admin> {
  const options = { logLevel: logLevel.ERROR, requestTimeout: TIMEOUT_MS }
  const admin = new Kafka({ brokers: [bootstrap], ...options }).admin()
  await admin.connect()
  return admin
}

/** Creates topics in one call. A broker may respond before it lists them, so this waits for the list too. */
export async function createTopics(admin: Admin, topics: ITopicConfig[]): Promise<void> {
  await admin.createTopics({ topics, timeout: TIMEOUT_MS, waitForLeaders: false })
  await untilListed(admin, (listed) => topics.every(({ topic }) => listed.has(topic)))
}

/** Deletes topics in one call, and waits until none of them is listed. */
export async function deleteTopics(admin: Admin, topics: string[]): Promise<void> {
  await admin.deleteTopics({ topics, timeout: TIMEOUT_MS })
  await untilListed(admin, (listed) => !topics.some((topic) => listed.has(topic)))
}

async function untilListed(
  admin: Admin,
  isSo: (listed: ReadonlySet<string>) => boolean,
): Promise<void> {
  const deadlineMs = Date.now() + TIMEOUT_MS
  while (!isSo(new Set(await admin.listTopics()))) {
    if (Date.now() > deadlineMs) throw new Error(`topics did not change in ${TIMEOUT_MS} ms`)
    await sleep(PAUSE_MS)
  }
}
