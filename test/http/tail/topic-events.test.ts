/** Event streams for readers that consume nothing; needs a controlled clock. */
import { afterEach, expect, test, vi } from 'vitest'
import { Broker } from '../../../src/broker/broker.ts'
import { newCaches } from '../../../src/broker/cluster.ts'
import type { ObjectBindings } from '../../../src/broker/objects.ts'
import { ANONYMOUS } from '../../../src/core/access/principal.ts'
import { PING_INTERVAL_MS } from '../../../src/core/limits.ts'
import { resolveTopicConfig } from '../../../src/core/topic/topic-config.ts'
import { parseTopicName } from '../../../src/core/topic/topic-name.ts'
import { openEventStream } from '../../../src/http/tail/topic-events.ts'
import { takeAll } from './tail-for-test.ts'

afterEach(() => {
  vi.useRealTimers()
})

/** Makes a broker with one topic, whose one partition is silent. */
function silentBroker(name: string): Broker {
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
  return new Broker({
    objects: env as unknown as ObjectBindings,
    caches: newCaches(),
    principal: ANONYMOUS,
  })
}

test('queues at most one ping for a reader that consumes nothing', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const name = parseTopicName('silent')
  const stream = await openEventStream(silentBroker(name), name, {
    offset: 'latest',
    cursor: undefined,
    isolation: 'committed',
  })
  await vi.advanceTimersByTimeAsync(100 * PING_INTERVAL_MS)
  const taken = await takeAll(stream)
  expect(taken).toBe('retry: 1000\nid: d20d3176.0\n:\n\n:\n\n')
})
