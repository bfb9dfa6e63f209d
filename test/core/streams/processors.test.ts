import { describe, expect, it } from 'vitest'
import {
  int64,
  keyValueStore,
  type ProcessorSupplier,
  sessionStore,
  testDriver,
  text,
  topology,
  windowStore,
} from '../../../client/streams/node/index.ts'

const texts = { key: text, value: text }
const counts = keyValueStore('counts', { key: text, value: int64 })

const count: ProcessorSupplier<string, string, string, string> = (context) => {
  const store = context.store(counts)
  return {
    process({ key, timestamp }) {
      const next = (store.get(key)?.value ?? 0) + 1
      store.put(key, next, timestamp)
      const { position, streamTimeMs } = context
      context.forward({ key, value: `${next} at ${position?.offset}, ${streamTimeMs}` })
    },
  }
}

const pipe = (driver: ReturnType<typeof testDriver>, key: string, timestamp: number) =>
  driver.input('in', texts).pipe({ key, value: '', timestamp })
const values = (driver: ReturnType<typeof testDriver>) =>
  driver
    .output<string, string>('out', texts)
    .drain()
    .map(({ key, value, timestamp }) => `${key}=${value}@${timestamp}`)

describe('process', () => {
  it('has stores, the position of its record, and stream time with its record', () => {
    const driver = testDriver(
      topology('processors', (builder) =>
        builder
          .stream('in', texts)
          .process(count, { stores: [counts] })
          .to('out', texts),
      ),
    )
    pipe(driver, 'a', 5)
    driver.restart()
    pipe(driver, 'a', 3)
    expect(values(driver)).toEqual(['a=1 at 0, 5@5', 'a=2 at 1, 5@3'])
    expect(driver.store('counts').get('a')).toBe(2)
  })

  it('repartitions behind process, and not behind processValues', () => {
    const build = (kind: 'process' | 'processValues') =>
      topology('processors', (builder) => {
        const stream = builder.stream<string, string>('in', texts)
        const options = { stores: [counts] }
        const made =
          kind === 'process' ? stream.process(count, options) : stream.processValues(count, options)
        made.groupByKey(texts).count({ name: 'seen' })
      })
    const repartitions = (kind: 'process' | 'processValues') =>
      build(kind).nodes.filter((node) => node.kind === 'repartition').length
    expect([repartitions('process'), repartitions('processValues')]).toEqual([1, 0])
  })

  it('shares a store between processors', () => {
    const driver = testDriver(
      topology('processors', (builder) => {
        const stream = builder.stream<string, string>('in', texts)
        stream.process(count, { stores: [counts] }).to('out', texts)
        stream.process(count, { stores: [counts] }).to('out', texts)
      }),
    )
    pipe(driver, 'a', 5)
    expect(values(driver)).toHaveLength(2)
    expect(driver.store('counts').get('a')).toBe(2)
  })

  it('opens window and session stores', () => {
    const windows = windowStore('windows', { ...texts, sizeMs: 10, retentionMs: 100 })
    const sessions = sessionStore('sessions', { ...texts, retentionMs: 100 })
    const driver = testDriver(
      topology('processors', (builder) =>
        builder.stream<string, string>('in', texts).process(
          (context) => ({
            process({ key, timestamp }) {
              context.store(windows).put(key, 10, 'window', timestamp)
              context.store(sessions).put(key, 1, 2, 'session', timestamp)
            },
          }),
          { stores: [windows, sessions] },
        ),
      ),
    )
    pipe(driver, 'a', 5)
    expect(driver.store('windows').fetch('a', 0, 99)).toEqual([
      { startMs: 10, value: 'window', timestamp: 5 },
    ])
    expect(driver.store('sessions').all()).toEqual([
      [{ key: 'a', startMs: 1, endMs: 2 }, 'session'],
    ])
  })

  it('rejects a store that its options do not name', () => {
    const wrong = topology('processors', (builder) => {
      builder.stream<string, string>('in', texts).process(count)
    })
    expect(() => testDriver(wrong)).toThrow('store counts: is not among the `stores`')
  })
})

describe('punctuations', () => {
  const ticking = (type: 'stream-time' | 'wall-clock', intervalMs = 10) =>
    topology('ticks', (builder) =>
      builder
        .stream('in', texts)
        .process<string, string>((context) => {
          context.schedule(intervalMs, type, (timeMs) =>
            context.forward({ key: 'tick', value: `${timeMs}` }),
          )
          return { process: () => undefined }
        })
        .to('out', texts),
    )

  it('come with stream time from 0 on, and times that were missed count as one', () => {
    const driver = testDriver(ticking('stream-time'))
    for (const timestamp of [3, 9, 10, 11, 45, 49, 50]) pipe(driver, 'a', timestamp)
    expect(values(driver)).toEqual(['tick=3@3', 'tick=10@10', 'tick=45@45', 'tick=50@50'])
  })

  it('come by the clock without any record', () => {
    const driver = testDriver(ticking('wall-clock'), { nowMs: 1_000 })
    driver.advanceWallClock(9)
    expect(values(driver)).toEqual([])
    driver.advanceWallClock(1)
    driver.advanceWallClock(35)
    expect(values(driver)).toEqual(['tick=1010@0', 'tick=1045@0'])
  })

  it('come by the clock although the task restarts more often than they are due', () => {
    const driver = testDriver(ticking('wall-clock'))
    driver.run()
    for (let times = 0; times < 5; times++) {
      driver.advanceWallClock(4)
      driver.restart()
    }
    expect(values(driver)).toEqual(['tick=12@0', 'tick=20@0'])
  })

  it('stop when they are cancelled', () => {
    const driver = testDriver(
      topology('ticks', (builder) =>
        builder
          .stream('in', texts)
          .process<string, string>((context) => {
            const cancel = context.schedule(1, 'stream-time', () => {
              context.forward({ key: 'tick', value: '' })
              cancel()
            })
            return { process: () => undefined }
          })
          .to('out', texts),
      ),
    )
    for (const timestamp of [1, 2, 3]) pipe(driver, 'a', timestamp)
    expect(values(driver)).toEqual(['tick=@1'])
  })

  it('rejects an interval of 0, and a schedule that a restart would lose', () => {
    expect(() => testDriver(ticking('wall-clock', 0))).toThrow('intervalMs: 0; 1 or more')
    const late = topology('ticks', (builder) => {
      builder.stream<string, string>('in', texts).process((context) => ({
        process: () => void context.schedule(10, 'wall-clock', () => undefined),
      }))
    })
    expect(() => pipe(testDriver(late), 'a', 1)).toThrow('schedule: call it while')
  })
})
