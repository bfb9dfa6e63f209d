/** What an event stream does for a reader that takes nothing: needs time that passes on demand. */
import { afterEach, expect, test, vi } from 'vitest'
import { Cluster, type ClusterEnv, newCaches } from '../../../src/broker/cluster.ts'
import { PING_INTERVAL_MS } from '../../../src/core/limits.ts'
import { resolveTopicConfig } from '../../../src/core/topic/topic-config.ts'
import { parseTopicName } from '../../../src/core/topic/topic-name.ts'
import { openEventStream } from '../../../src/http/tail/topic-events.ts'
import { takeAll } from './tail-for-test.ts'

afterEach(() => {
  vi.useRealTimers()
})

/** A cluster with one topic, whose one partition is silent. */
function silentCluster(name: string): Cluster {
  const topic = {
    id: 'd20d3176-0000',
    name,
    partitions: 1,
    version: 1,
    config: resolveTopicConfig({}),
    overrides: {},
  }
  const webSocket = { addEventListener: () => {}, accept: () => {}, close: () => {} }
  const headers = new Headers({ 'edgelog-offset': '0' })
  const env = {
    COORDINATOR: { getByName: () => ({ getTopic: async () => ({ ok: topic }) }) },
    PARTITION: {
      idFromName: (objectName: string) => objectName,
      get: () => ({ fetch: async () => ({ headers, webSocket }) }),
    },
  }
  return new Cluster(env as unknown as ClusterEnv, newCaches())
}

test('pings do not pile up before a reader that takes nothing', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const name = parseTopicName('silent')
  const stream = await openEventStream(silentCluster(name), name, {
    offset: 'latest',
    cursor: undefined,
    isolation: 'committed',
  })
  await vi.advanceTimersByTimeAsync(100 * PING_INTERVAL_MS)
  const taken = await takeAll(stream)
  expect(taken).toBe('retry: 1000\nid: d20d3176.0\n:\n\n:\n\n')
})
