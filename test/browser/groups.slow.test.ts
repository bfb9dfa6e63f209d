import { describe, expect, test } from 'vitest'
import { until } from '../support/until.ts'
import { committed, join, memberOf } from './support/member.ts'
import { useStage } from './support/stage.ts'
import { flush, sendNumbered } from './support/tab.ts'

const stage = useStage()

const PARTITIONS = 4

describe('a browser in a consumer group', () => {
  test('shares the partitions with another browser, and each record is handled', async () => {
    const scene = await stage.scene({ partitions: PARTITIONS })
    const other = await stage.scene()
    const first = await scene.tab()
    const second = await other.tab({ url: scene.proxy.url })
    await join(first, scene.topic, 'shared', 0)
    await join(second, scene.topic, 'shared', 0)
    await until('each has two partitions', async () => {
      const held = [(await memberOf(first)).partitions, (await memberOf(second)).partitions]
      return held.flat().sort().join() === '0,1,2,3' && held.every(({ length }) => length === 2)
    })
    const topic = { topic: scene.topic, sender: 'a', count: 400, partitions: PARTITIONS }
    const ids = await sendNumbered(first, topic)
    await flush(first)
    await until('all records are handled', async () => {
      const handled = [...(await memberOf(first)).handled, ...(await memberOf(second)).handled]
      return new Set(handled).size === ids.length
    })
    expect((await memberOf(second)).handled.length).toBeGreaterThan(0)
    await until(
      'all is committed',
      async () => (await committed(stage.server, 'shared', scene.topic)) === ids.length,
    )
  })

  test('continues offline with its records, is fenced on return, and joins again', async () => {
    const scene = await stage.scene({ partitions: PARTITIONS })
    const other = await stage.scene()
    const away = await scene.tab()
    const stays = await other.tab({ url: scene.proxy.url })
    const topic = { topic: scene.topic, sender: 'a', count: 200, partitions: PARTITIONS }
    const ids = await sendNumbered(away, topic)
    await flush(away)
    await join(away, scene.topic, 'train', 20)
    await until(
      'the member that goes away has begun',
      async () => (await memberOf(away)).handled.length > 10,
    )
    await scene.context.setOffline(true)
    const before = (await memberOf(away)).handled.length
    await until(
      'it goes on without a network',
      async () => (await memberOf(away)).handled.length > before + 10,
    )
    const committedOffline = await committed(stage.server, 'train', scene.topic)
    expect(committedOffline).toBeLessThanOrEqual((await memberOf(away)).handled.length)

    // Its session expires, and the other browser takes over.
    await join(stays, scene.topic, 'train', 0)
    await until(
      'the one that stays has all partitions',
      async () => (await memberOf(stays)).partitions.length === PARTITIONS,
    )
    await scene.context.setOffline(false)
    await until(
      'the one that returns has its half',
      async () => (await memberOf(away)).partitions.length === PARTITIONS / 2,
    )
    await until('all records are handled', async () => {
      const handled = [...(await memberOf(away)).handled, ...(await memberOf(stays)).handled]
      return new Set(handled).size === ids.length
    })
    await until(
      'all is committed',
      async () => (await committed(stage.server, 'train', scene.topic)) === ids.length,
    )
    expect((await memberOf(away)).stopped).toBeUndefined()
  })
})
