/**
 * Runs as a separate process: `kafkajs-topics.ts BOOTSTRAP EXISTING_TOPIC TOPICS` creates topics in one call and
 * deletes them in one call. Another connection requests metadata of the existing topic during the creation.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ITopicConfig } from 'kafkajs'
import { createTopics, deleteTopics, openAdmin } from './topic-admin.ts'

/** Between two requests of the other connection, so that it measures and is no load. */
const PAUSE_MS = 5
/** Requests before the creation, so that the connection is open and the code is warm. */
const WARM_UP_REQUESTS = 50

const [bootstrap = '', existing = '', json = '[]'] = process.argv.slice(2)
const topics: ITopicConfig[] = JSON.parse(json)
const names = topics.map(({ topic }) => topic)

const [admin, watcher] = [await openAdmin(bootstrap), await openAdmin(bootstrap)]

async function msOf(work: () => Promise<unknown>): Promise<number> {
  const startedAtMs = performance.now()
  await work()
  return performance.now() - startedAtMs
}

const requestMetadata = () => msOf(() => watcher.fetchTopicMetadata({ topics: [existing] }))
for (let request = 0; request < WARM_UP_REQUESTS; request++) await requestMetadata()

let isCreating = true
const watch = async () => {
  let longestWaitMs = 0
  while (isCreating) {
    longestWaitMs = Math.max(longestWaitMs, await requestMetadata())
    await sleep(PAUSE_MS)
  }
  return longestWaitMs
}
const watching = watch()
const createMs = await msOf(() => createTopics(admin, topics))
isCreating = false
const longestWaitMs = await watching
const deleteMs = await msOf(() => deleteTopics(admin, names))
console.log(JSON.stringify({ createMs, deleteMs, longestWaitMs }))
await Promise.all([admin.disconnect(), watcher.disconnect()])
