/** The driver of the sync: its calls to transports and sink in all situations. */
import { describe, expect, test } from 'vitest'
import { RequestError } from '../../../client/http/request-error.ts'
import { EdgelogError } from '../../../src/core/errors.ts'
import { batchAt, pass, settle, setUp } from './fake-sync.ts'

const lost = () => new EdgelogError('unavailable', 'lost')

async function started(...options: Parameters<typeof setUp>) {
  const setup = setUp(...options)
  setup.sync.start()
  await settle()
  return setup
}

describe('a sync', () => {
  test('opens no connection while there is nothing to follow', async () => {
    const { sync, sink, transports, clock } = await started({})
    expect(sync.status.link).toBe('idle')
    await pass(clock, 60_000, 5_000)
    expect(transports).toEqual([])
    expect(sink.history).toEqual([])
    sink.positions.t = 7
    sync.changed()
    await settle()
    expect(transports).toHaveLength(1)
    expect(sink.lists).toBe(2)
    delete sink.positions.t
    sync.changed()
    await settle()
    expect(transports[0]?.isClosed).toBe(true)
    expect(sync.status).toMatchObject({ link: 'idle', transport: null })
    expect(clock.pending).toBe(0)
  })

  test('is live when all followed partitions have reached their ends', async () => {
    const { sink, latest } = await started({ t: 3, u: 0 })
    expect(latest().subscriptions.get(latest().idOf('t'))).toMatchObject({ offset: 3 })
    latest().subscribed('t', 5)
    latest().subscribed('u', 0)
    expect(sink.links).toEqual(['connecting', 'catchingUp'])
    latest().frame('t', 3, 5)
    latest().frame('t', 4, 5)
    await settle()
    expect(sink.taken).toEqual(['t 3', 't 4'])
    expect(sink.links).toEqual(['connecting', 'catchingUp', 'live'])
    expect(sink.history.at(-1)).toMatchObject({ transport: 'websocket', lastError: null })
  })

  test('grants credit for stored frames only', async () => {
    const { sink, latest } = await started()
    let open = () => {}
    sink.gate = new Promise<void>((resolve) => {
      open = resolve
    })
    latest().subscribed('t', 2)
    latest().frame('t', 0, 2)
    await settle()
    latest().frame('t', 1, 2)
    await settle()
    expect(latest().grantedBytes).toBe(0)
    latest().listener.closed(0, lost(), 'closed')
    await settle()
    expect(sink.closings).toEqual([])
    open()
    await settle()
    // What arrived before its end is requested again.
    expect(latest().grantedBytes).toBe(0)
    expect(sink.taken).toEqual(['t 0'])
    expect(sink.closings).toEqual(['t unavailable'])
  })

  test('stores the frames of a subscription one after the other', async () => {
    const { latest, sink } = await started()
    latest().subscribed('t', 2)
    latest().frame('t', 0, 2)
    latest().frame('t', 1, 2)
    await settle()
    expect(latest().grantedBytes).toBeGreaterThanOrEqual(2 * batchAt(0).length)
    expect(sink.taken).toEqual(['t 0', 't 1'])
    expect(sink.history.at(-1)).toMatchObject({ link: 'live', lastError: null })
  })

  test('stores frames together that arrive while another is stored', async () => {
    const { sink, latest } = await started()
    const gate = Promise.withResolvers<void>()
    sink.gate = gate.promise
    let stores = 0
    sink.storing = async () => {
      stores += 1
      return 'taken' as const
    }
    latest().subscribed('t', 4)
    latest().frame('t', 0, 4)
    await settle()
    for (const offset of [1, 2, 3]) latest().frame('t', offset, 4)
    gate.resolve()
    await settle()
    expect(stores).toBe(2)
    expect(sink.taken).toEqual(['t 0', 't 1', 't 2', 't 3'])
    expect(latest().grantedBytes).toBeGreaterThanOrEqual(4 * batchAt(0).length)
    expect(sink.links.at(-1)).toBe('live')
  })

  test('changes its subscriptions without a new connection on a WebSocket', async () => {
    const { sync, sink, transports, latest } = await started({ t: 0 })
    latest().subscribed('t', 0)
    expect(sync.status.link).toBe('live')
    sink.positions.u = 0
    sync.changed()
    await settle()
    latest().subscribed('u', 1)
    expect(sync.status.link).toBe('catchingUp')
    latest().frame('u', 0)
    await settle()
    expect(sync.status.link).toBe('live')
    delete sink.positions.t
    sync.changed()
    await settle()
    expect([...latest().subscriptions.values()].map(({ topic }) => topic)).toEqual(['u'])
    expect(transports).toHaveLength(1)
  })

  test('opens a new connection for changes on an event stream, once for many', async () => {
    const { sync, sink, transports, latest, clock } = await started(
      { t: 0 },
      { transports: ['sse'] },
    )
    latest().subscribed('t', 0)
    for (const topic of ['u', 'v', 'w']) {
      sink.positions[topic] = 0
      sync.changed()
      await settle()
    }
    await pass(clock, 2_000)
    expect(transports).toHaveLength(2)
    expect(transports[0]?.isClosed).toBe(true)
    expect(latest().subscriptions.size).toBe(4)
    expect(sync.status.link).toBe('catchingUp')
  })

  test('continues after the last stored frame', async () => {
    const { sink, clock, transports, latest } = await started()
    latest().subscribed('t', 9)
    latest().frame('t', 0, 9)
    await settle()
    let open = () => {}
    sink.gate = new Promise<void>((resolve) => {
      open = resolve
    })
    latest().frame('t', 1, 9)
    await settle()
    latest().end(lost())
    await pass(clock, 2_000)
    // The subscriptions are read when the frame is stored.
    expect(transports).toHaveLength(1)
    open()
    await settle()
    expect(transports).toHaveLength(2)
    expect(transports[0]?.grantedBytes).toBe(batchAt(0).length)
    expect(latest().subscriptions.get(0)).toMatchObject({ offset: 2 })
    expect(sink.history.at(-1)?.lastError).toMatchObject({ code: 'unavailable', message: 'lost' })
  })

  test('subscribes again after a rejected frame: first at once, then with growing delays', async () => {
    const { sink, clock, transports, latest } = await started()
    sink.storing = async () => 'resubscribe' as const
    let subscribed = 0
    for (let passedMs = 0; passedMs < 60_000; passedMs += 100) {
      if (latest().subscriptions.size > 0) {
        latest().subscribed('t', 9)
        latest().frame('t', 5, 9)
        latest().subscriptions.clear()
        subscribed += 1
      }
      await pass(clock, 100)
    }
    expect(transports).toHaveLength(1)
    expect(subscribed).toBeGreaterThan(4)
    expect(subscribed).toBeLessThan(15)
    expect(sink.taken).toEqual([])
  })

  test('resets the delay once a frame is accepted', async () => {
    const { sink, latest } = await started()
    for (let round = 0; round < 4; round++) {
      sink.storing = async () => 'resubscribe' as const
      latest().subscribed('t', 9)
      latest().frame('t', 5, 9)
      await settle()
      // The clock has not advanced.
      sink.storing = undefined
      latest().subscribed('t', 9)
      latest().frame('t', round, 9)
      await settle()
      expect(sink.taken).toHaveLength(round + 1)
    }
  })

  test('requests the subscriptions again when the log ends one; the others continue', async () => {
    const { sync, sink, clock, transports, latest } = await started({ t: 5, u: 0 })
    latest().subscribed('u', 0)
    const error = new EdgelogError('offset_out_of_range', 'gone')
    latest().listener.closed(latest().idOf('t'), error, 'closed')
    sink.positions.t = 20
    await settle()
    expect(sink.closings).toEqual(['t offset_out_of_range'])
    expect(sync.status).toMatchObject({ link: 'live', lastError: { code: 'offset_out_of_range' } })
    latest().frame('u', 0)
    await pass(clock, 3_000)
    expect(sink.taken).toEqual(['u 0'])
    expect(transports).toHaveLength(1)
    expect(latest().subscriptions.get(latest().idOf('t'))).toMatchObject({ offset: 20 })
  })

  test('retries with growing delays when the log ends a subscription each time', async () => {
    const { sync, sink, clock, transports, latest } = await started(
      { t: 0 },
      { transports: ['sse'] },
    )
    for (let passedMs = 0; passedMs < 120_000; passedMs += 100) {
      if (!latest().isClosed) {
        latest().listener.closed(0, new EdgelogError('unknown_topic_or_partition', 'no'), 'closed')
        latest().end()
      }
      await pass(clock, 100)
    }
    expect(transports.length).toBeGreaterThan(4)
    expect(transports.length).toBeLessThan(15)
    expect(sink.closings).toHaveLength(transports.length)
    expect(sync.status.lastError?.code).toBe('unknown_topic_or_partition')
  })

  test('waits for another token after a rejection, and uses it at once', async () => {
    const { sync, connection, clock, transports, latest } = await started(
      { t: 0 },
      { transports: ['sse'] },
    )
    latest().end(new RequestError('unauthorized', 'no', { status: 401 }))
    await pass(clock, 200_000, 5_000)
    expect(sync.status).toMatchObject({ link: 'authNeeded', transport: null })
    expect(transports).toHaveLength(1)
    connection.token = 'two'
    sync.setToken()
    await settle()
    expect(transports).toHaveLength(2)
    // The rejection of the previous token does not apply to this one.
    connection.token = 'three'
    latest().end(new RequestError('unauthorized', 'no', { status: 401 }))
    expect(sync.status.link).toBe('backingOff')
    await pass(clock, 2_000)
    expect(transports).toHaveLength(3)
  })

  test.each([
    ['unavailable', 'backingOff'],
    ['unauthorized', 'authNeeded'],
  ] as const)('reports %s when reading the subscriptions fails', async (code, link) => {
    const { sync, sink, clock, transports, connection } = setUp()
    sink.listing = () => Promise.reject(new RequestError(code, 'no', { status: 0 }))
    sync.start()
    await settle()
    expect(sync.status).toMatchObject({ link, lastError: { code } })
    expect(transports).toEqual([])
    sink.listing = undefined
    connection.token = 'two'
    sync.setToken()
    await pass(clock, 2_000)
    expect(transports.map(({ name }) => name)).toEqual(['websocket'])
  })

  test('keeps its connection when reading the subscriptions fails, and retries', async () => {
    const { sync, sink, clock, transports, latest } = await started({ t: 0 })
    latest().subscribed('t', 0)
    sink.listing = () => Promise.reject(lost())
    sync.changed()
    await pass(clock, 10_000)
    expect(sync.status).toMatchObject({ link: 'live', lastError: { code: 'unavailable' } })
    expect(sink.lists).toBeGreaterThan(3)
    expect(sink.lists).toBeLessThan(10)
    sink.listing = undefined
    sink.positions.u = 0
    await pass(clock, 20_000)
    expect(latest().subscriptions.size).toBe(2)
    expect(transports).toHaveLength(1)
    // The next failure counts as the first again.
    sink.listing = () => Promise.reject(lost())
    sync.changed()
    await settle()
    const { lists } = sink
    await pass(clock, 2_000)
    expect(sink.lists).toBe(lists + 1)
    sync.stop()
    expect(clock.pending).toBe(0)
  })

  test('does not count slow subscriptions against the transport', async () => {
    const { sink, clock, transports, sync } = setUp()
    sink.listing = () => new Promise(() => {})
    sync.start()
    await pass(clock, 60_000, 1_000)
    expect(transports).toEqual([])
    expect(sync.status.link).toBe('idle')

    const late = await started()
    late.latest().subscribed('t', 0)
    late.latest().end(lost())
    let response = () => {}
    late.sink.listing = () =>
      new Promise((resolve) => {
        response = () => resolve([{ topic: 't', partition: 0, offset: 0 }])
      })
    await pass(late.clock, 60_000, 1_000)
    expect(late.transports).toHaveLength(1)
    response()
    late.sink.listing = undefined
    await pass(late.clock, 40_000, 1_000)
    expect(late.transports[1]?.name).toBe('websocket')
  })

  test('gives the transport its whole time-out, however long the subscriptions took', async () => {
    const { sink, clock, transports, latest } = await started()
    latest().subscribed('t', 0)
    latest().end(lost())
    sink.listing = async () => {
      await new Promise<void>((resolve) => clock.setTimeout(resolve, 9_000))
      return [{ topic: 't', partition: 0, offset: 0 }]
    }
    await pass(clock, 18_500)
    expect(transports).toHaveLength(2)
    expect(latest().isClosed).toBe(false)
    await pass(clock, 1_500)
    expect(latest().isClosed).toBe(true)
  })

  test('reconnects when a frame could not be stored', async () => {
    const { sync, sink, clock, transports, latest } = await started()
    sink.storing = () => Promise.reject(new EdgelogError('storage_failed', 'no disk'))
    latest().subscribed('t', 1)
    latest().frame('t', 0)
    await settle()
    expect(transports[0]?.isClosed).toBe(true)
    expect(sync.status.lastError?.code).toBe('storage_failed')
    sink.storing = undefined
    await pass(clock, 2_000)
    latest().subscribed('t', 1)
    latest().frame('t', 0)
    await settle()
    expect(sink.taken).toEqual(['t 0'])
    expect(latest().name).toBe('websocket')
  })

  test('holds long polls, and pauses after those without data', async () => {
    const { sync, clock, transports, latest, sink } = await started(
      { t: 0 },
      { transports: ['long-poll'] },
    )
    expect(latest().waitMs).toBe(0)
    latest().subscribed('t', 0)
    latest().end()
    await pass(clock, 900)
    expect(transports).toHaveLength(1)
    await pass(clock, 100)
    expect(latest().waitMs).toBe(25_000)
    latest().subscribed('t', 1)
    latest().frame('t', 0)
    await settle()
    latest().end()
    await settle()
    // It brought data.
    expect(transports).toHaveLength(3)
    expect(sync.status.link).toBe('live')
    await pass(clock, 39_000, 1_000)
    expect(latest().isClosed).toBe(false)
    await pass(clock, 2_000)
    expect(transports.length).toBeGreaterThan(3)
    expect(sink.links).toEqual(['connecting', 'catchingUp', 'live', 'backingOff', 'connecting'])
  })

  test.each([
    // The response was [0, 2) before; now offset 2 is requested.
    ['their position', 0],
    ['their frame only', undefined],
  ])('pauses between responses that are repeated with %s', async (_what, answered) => {
    const { sink, clock, transports, latest } = await started(
      { t: 2 },
      { transports: ['long-poll'] },
    )
    sink.listing = async () => [{ topic: 't', partition: 0, offset: 2 }]
    for (let passedMs = 0; passedMs < 60_000; passedMs += 100) {
      for (let turn = 0; turn < 5; turn++) {
        if (latest().isClosed) continue
        latest().subscribed('t', 2, answered)
        for (const offset of [0, 1]) latest().frame('t', offset, 2)
        await settle()
        if (!latest().isClosed) latest().end()
        await settle()
      }
      await pass(clock, 100)
    }
    expect(transports.length).toBeGreaterThan(2)
    expect(transports.length).toBeLessThan(70)
    // Unrequested data is neither stored nor counts as being up to date.
    expect(sink.taken.length > 0).toBe(answered === undefined)
    expect(sink.links.includes('live')).toBe(answered === undefined)
  })

  test('falls back past silent transports, and returns to the best', async () => {
    const { sync, clock, transports, latest } = await started()
    await pass(clock, 21_000, 500)
    expect(transports.map(({ name }) => name)).toEqual(['websocket', 'sse', 'long-poll'])
    latest().subscribed('t', 0)
    expect(sync.status).toMatchObject({ link: 'live', transport: 'long-poll' })
    for (let round = 0; round < 24; round++) {
      latest().listener.notice({ op: 'ping' })
      await pass(clock, 15_000, 5_000)
    }
    expect(latest().name).not.toBe('long-poll')
    expect(transports[3]?.name).toBe('websocket')
  })

  test('skips WebSockets where there are none', async () => {
    const { connection, page } = setUp()
    const { Sync } = await import('../../../client/browser/sync/sync.ts')
    const names: string[] = []
    const { sink } = setUp()
    const sync = new Sync({ connection, page, WebSocket: undefined }, sink, {
      open: (name) => {
        names.push(name)
        return {
          isFixed: true,
          subscribe: () => undefined,
          unsubscribe: () => undefined,
          grant: () => undefined,
          close: () => undefined,
        }
      },
    })
    sync.start()
    await settle()
    expect(names).toEqual(['sse'])
    sync.stop()
  })

  test('rests while the page is offline, and checks every 30 s', async () => {
    const { sync, page, clock, transports, latest } = await started()
    latest().subscribed('t', 0)
    page.emit('offline')
    expect(sync.status.link).toBe('offline')
    expect(latest().isClosed).toBe(true)
    await pass(clock, 120_000, 5_000)
    expect(transports).toHaveLength(1)
    // The event was lost.
    page.isOnline = true
    await pass(clock, 32_000, 1_000)
    expect(transports).toHaveLength(2)
    page.emit('offline')
    page.emit('online')
    await pass(clock, 1_100)
    expect(transports).toHaveLength(3)
  })

  test('treats a connection as dead after a sleep', async () => {
    const { sync, clock, transports, latest } = await started()
    latest().subscribed('t', 0)
    clock.sleepThrough(600_000)
    await pass(clock, 2_000)
    expect(transports[0]?.isClosed).toBe(true)
    expect(transports).toHaveLength(2)
    latest().subscribed('t', 0)
    clock.sleepThrough(-3_600_000)
    await pass(clock, 3_645_000, 5_000)
    expect(transports.length).toBeGreaterThan(2)
    expect(sync.status.link).not.toBe('closed')
  })

  test('checks the connection when the page becomes visible', async () => {
    const { sync, page, clock, transports, latest } = await started()
    latest().subscribed('t', 0)
    page.emit('hidden')
    clock.sleepThrough(29_000)
    page.emit('visible')
    await settle()
    expect(sync.status.link).toBe('live')
    clock.sleepThrough(1_000)
    page.emit('pageshow')
    await pass(clock, 1_000)
    expect(transports).toHaveLength(2)
  })

  test('ends with stop(), and may be started again', async () => {
    const { sync, sink, clock, page, transports, latest } = await started()
    latest().subscribed('t', 0)
    sync.stop()
    sync.stop()
    expect(sink.links.at(-1)).toBe('closed')
    expect(clock.pending).toBe(0)
    expect(page.listenerCount).toBe(0)
    const told = sink.history.length
    latest().frame('t', 0)
    latest().end(lost())
    sync.changed()
    sync.setToken()
    sync.wake()
    await pass(clock, 60_000, 5_000)
    expect(transports).toHaveLength(1)
    expect(sink.history).toHaveLength(told)
    expect(sink.taken).toEqual([])
    sync.start()
    await settle()
    expect(transports).toHaveLength(2)
    sync.stop()
  })

  test('may be stopped from a callback', async () => {
    const { sync, sink, clock, latest } = await started()
    const changed = sink.changed.bind(sink)
    sink.changed = (status) => {
      changed(status)
      if (status.link === 'live') sync.stop()
    }
    latest().subscribed('t', 0)
    await settle()
    expect(sink.links).toEqual(['connecting', 'catchingUp', 'live', 'closed'])
    expect(clock.pending).toBe(0)
  })
})
