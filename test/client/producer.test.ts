import { describe, expect, test, vi } from 'vitest'
import { connect, type ProducerOptions } from '../../client/index.ts'
import { Fifo } from '../../client/producer/fifo.ts'
import { Random } from '../support/random.ts'
import { WAIT } from '../support/until.ts'
import { FakeServer } from './fake-server.ts'
import { ManualClock } from './manual-clock.ts'

function setUp(options: ProducerOptions = {}, partitions = 1) {
  const server = new FakeServer()
  const random = new Random(7)
  server.partitions = partitions
  const log = connect({
    url: 'http://fake/base/',
    fetch: server.fetch,
    random: () => random.next(),
    newProducerId: () => 42n,
  })
  return {
    server,
    log,
    producer: log.createProducer({ lingerMs: 1, retryBackoffMs: 1, ...options }),
  }
}

describe('Client.send()', () => {
  function clientOf(server: FakeServer) {
    return connect({ url: 'http://fake', fetch: server.fetch })
  }

  test('sends all records by one producer, however many calls there are', async () => {
    const server = new FakeServer()
    const log = clientOf(server)
    for (let index = 0; index < 10; index++) await log.send('t', { value: String(index) })
    expect(server.produced.map(({ baseSequence }) => baseSequence)).toEqual(
      Array.from({ length: 10 }, (_, index) => index),
    )
    expect(new Set(server.produced.map(({ producerId }) => producerId)).size).toBe(1)
  })

  test('shares its producer with sendBatch() and flush()', async () => {
    const server = new FakeServer()
    const log = clientOf(server)
    await log.flush()
    const sent = log.send('t', { value: 'a' })
    const batch = log.sendBatch('t', [{ value: 'b' }, { value: 'c' }])
    await log.flush()
    expect(server.produced.flatMap(({ values }) => values)).toEqual(['a', 'b', 'c'])
    expect(new Set(server.produced.map(({ producerId }) => producerId)).size).toBe(1)
    expect([(await sent).offset, (await batch).map(({ offset }) => offset)]).toEqual([0, [1, 2]])
  })

  test('does not touch producers of the application', async () => {
    const server = new FakeServer()
    const log = clientOf(server)
    await log.send('t', { value: 'a' })
    await log.createProducer().send('t', { value: 'b' })
    expect(new Set(server.produced.map(({ producerId }) => producerId)).size).toBe(2)
  })

  test('flushes its records when the client is closed, and accepts no more', async () => {
    const server = new FakeServer()
    const log = clientOf(server)
    const sent = log.send('t', { value: 'a' })
    await log.close()
    await sent
    const closed = { code: 'invalid_request' }
    await expect(log.send('t', { value: 'b' })).rejects.toMatchObject(closed)
    const unused = clientOf(server)
    await unused.close()
    await expect(unused.send('t', { value: 'c' })).rejects.toMatchObject(closed)
    expect(server.produced).toHaveLength(1)
  })
})

/** Returns a promise and its resolver. */
function gate(): { promise: Promise<void>; open: () => void } {
  let open = () => {}
  const promise = new Promise<void>((resolve) => {
    open = resolve
  })
  return { promise, open }
}

function state(promise: Promise<unknown>): Promise<string> {
  const settled = promise.then(
    () => 'fulfilled',
    () => 'rejected',
  )
  return Promise.race([
    settled,
    new Promise<string>((resolve) => setTimeout(() => resolve('pending'), 20)),
  ])
}

describe('send()', () => {
  test('collects the records sent within lingerMs into one batch', async () => {
    const { server, producer } = setUp()
    const responses = await Promise.all(
      ['a', 'b', 'c'].map((value) => producer.send('t', { value })),
    )
    expect(server.produced.map(({ values }) => values)).toEqual([['a', 'b', 'c']])
    expect(responses.map(({ offset }) => offset)).toEqual([0, 1, 2])
    expect(server.calls).toContain('POST /base/v1/topics/t/partitions/0/records')
  })

  test("begins a new batch before batchBytesMax, and never exceeds the topic's limit", async () => {
    const { server, producer } = setUp({ batchBytesMax: 10_000 })
    server.maxMessageBytes = 1_000
    await producer.sendBatch(
      't',
      Array.from({ length: 50 }, () => ({ value: 'x'.repeat(90) })),
    )
    expect(server.produced.length).toBeGreaterThan(4)
    for (const { sizeBytes } of server.produced) expect(sizeBytes).toBeLessThanOrEqual(1_000)
  })

  test("returns the log's timestamp if the log sets it", async () => {
    const { server, producer } = setUp()
    expect(await producer.send('t', { value: 'a', timestamp: 7 })).toMatchObject({ timestamp: 7 })
    server.logAppendTime = 1_234
    const sends = ['b', 'c'].map((value) => producer.send('t', { value, timestamp: 7 }))
    expect(await Promise.all(sends)).toMatchObject([{ timestamp: 1_234 }, { timestamp: 1_234 }])
  })

  test('stamps batches with consecutive sequences, and with none without idempotence', async () => {
    const { server, producer } = setUp({ batchBytesMax: 1 })
    await producer.sendBatch('t', [{ value: 'a' }, { value: 'b' }, { value: 'c' }])
    expect(server.produced).toMatchObject([
      { producerId: 42n, producerEpoch: 0, baseSequence: 0 },
      { producerId: 42n, producerEpoch: 0, baseSequence: 1 },
      { producerId: 42n, producerEpoch: 0, baseSequence: 2 },
    ])
    const plain = setUp({ isIdempotent: false })
    await plain.producer.send('t', { value: 'a' })
    expect(plain.server.produced).toMatchObject([{ producerId: -1n, baseSequence: -1 }])
  })

  test('keeps records without a key together, batch by batch, over all partitions', async () => {
    const { server, producer } = setUp({ batchBytesMax: 300 }, 3)
    await producer.sendBatch(
      't',
      Array.from({ length: 200 }, () => ({ value: 'x'.repeat(50) })),
    )
    expect(new Set(server.produced.map(({ partition }) => partition)).size).toBe(3)
    expect(server.produced.length).toBeLessThan(80)
  })

  test('waits while the buffer is full, and rejects when as many bytes are waiting', async () => {
    const { server, producer } = setUp({ bufferBytesMax: 3_000, batchBytesMax: 500 })
    await producer.send('t', { value: 'the topic is known now' })
    const { promise, open } = gate()
    server.gate = promise
    const sends = Array.from({ length: 12 }, () => producer.send('t', { value: 'x'.repeat(300) }))
    expect(await state(sends[11] as Promise<unknown>)).toBe('pending')
    expect(producer.bufferedBytes).toBeLessThanOrEqual(6_000)
    const refused = Array.from({ length: 10 }, () => producer.send('t', { value: 'x'.repeat(300) }))
    const results = Promise.allSettled(refused)
    await expect(refused[9]).rejects.toMatchObject({ code: 'throttled' })
    open()
    await Promise.all(sends)
    await results
    expect(producer.bufferedBytes).toBe(0)
  })

  test('copies the bytes of a record that waits', async () => {
    const { server, producer } = setUp()
    const value = new TextEncoder().encode('before')
    const sent = producer.send('t', { value })
    value.fill(0)
    await sent
    expect(server.produced[0]?.values).toEqual(['before'])
  })

  test('rejects one invalid record, and sends the others', async () => {
    const { server, producer } = setUp()
    await producer.send('t', { value: 'first' })
    const results = await Promise.allSettled([
      producer.send('t', { value: 'good' }),
      producer.send('t', { value: 7n as unknown as string }),
      producer.send('t', { value: 'x', timestamp: Number.NaN }),
      producer.send('t', { value: new Uint8Array(2_000_000) }),
      producer.send('t', { value: 'x', partition: -1 }),
      producer.send('..', { value: 'x' }),
      producer.send('t', { value: 'good too' }),
    ])
    const codes = results.map((result) =>
      result.status === 'fulfilled' ? 'stored' : result.reason.code,
    )
    expect(codes).toEqual([
      'stored',
      'invalid_record',
      'invalid_timestamp',
      'message_too_large',
      'unknown_topic_or_partition',
      'invalid_topic',
      'stored',
    ])
    expect(server.produced.flatMap(({ values }) => values)).toEqual(['first', 'good', 'good too'])
    expect(producer.bufferedBytes).toBe(0)
  })

  test("retries after a proxy's response, and waits as long as Retry-After requires", async () => {
    const { server, producer } = setUp()
    const responses = [
      new Response('<html>', { status: 502 }),
      new Response('{"error":{"code":"throttled","message":"m"}}', {
        status: 429,
        headers: { 'retry-after': '1' },
      }),
    ]
    let lastRefusalMs = 0
    server.refuse = (_url, method) => {
      if (method !== 'POST') return undefined
      const response = responses.shift()
      if (response !== undefined) lastRefusalMs = Date.now()
      return response
    }
    await producer.send('t', { value: 'a' })
    expect(Date.now() - lastRefusalMs).toBeGreaterThanOrEqual(990)
    expect(server.produced).toHaveLength(1)
  })

  test('limits the delay that a server may request', async () => {
    const clock = new ManualClock()
    const server = new FakeServer()
    const producer = connect({ url: 'http://fake', fetch: server.fetch, clock }).createProducer()
    const details = { retryAfterMs: 1e12 }
    const error = { code: 'throttled', message: 'm', details }
    const responses = [Response.json({ error }, { status: 429 })]
    server.refuse = (_url, method) => (method === 'POST' ? responses.shift() : undefined)
    const sent = producer.send('t', { value: 'a' })
    await state(sent)
    clock.advance(5)
    await state(sent)
    clock.advance(59_000)
    expect(await state(sent)).toBe('pending')
    clock.advance(1_000)
    expect(await state(sent)).toBe('fulfilled')
    expect(clock.pending).toBe(0)
  })

  test('requests stale topic metadata once while the server is away', async () => {
    const clock = new ManualClock()
    const server = new FakeServer()
    const log = connect({ url: 'http://fake', fetch: server.fetch, clock })
    const producer = log.createProducer({ lingerMs: 0, batchBytesMax: 1 })
    await producer.send('t', { value: 'a' })
    const asked = () => server.calls.filter((call) => call.startsWith('GET')).length
    expect(asked()).toBe(1)
    server.refuse = (_url, method) =>
      method === 'GET' ? new Response('', { status: 502 }) : undefined
    clock.advance(300_001)
    for (let count = 0; count < 5; count++) await producer.send('t', { value: 'b' })
    expect(asked()).toBe(2)
  })

  test('leaves no timer behind when a batch cannot be compressed', async () => {
    const clock = new ManualClock()
    const server = new FakeServer()
    const fails = () => {
      throw new TypeError('defect')
    }
    const codecs = { zstd: { compress: fails, decompress: fails } }
    const log = connect({ url: 'http://fake', fetch: server.fetch, clock, codecs })
    const producer = log.createProducer({ compression: 'zstd', batchBytesMax: 1 })
    await expect(producer.send('t', { value: 'a' })).rejects.toMatchObject({ name: /./ })
    expect(clock.pending).toBe(0)
  })

  test('retries a batch whose error response was truncated', async () => {
    const { server, producer } = setUp()
    const cut = new ReadableStream({ start: (controller) => controller.error(new Error('cut')) })
    const responses = [new Response(cut, { status: 409 })]
    server.refuse = (_url, method) => (method === 'POST' ? responses.shift() : undefined)
    await producer.send('t', { value: 'a' })
    expect(server.produced).toHaveLength(1)
  })

  test('requests the metadata of an unknown topic again', async () => {
    const { server, producer } = setUp()
    let isThere = false
    const error = { code: 'unknown_topic_or_partition', message: 'none', retryable: false }
    server.refuse = () => (isThere ? undefined : Response.json({ error }, { status: 404 }))
    await expect(producer.send('t', { value: 'a' })).rejects.toMatchObject({
      code: 'unknown_topic_or_partition',
    })
    isThere = true
    await producer.send('t', { value: 'b' })
    isThere = false
    await expect(producer.send('t', { value: 'c' })).rejects.toMatchObject({ message: 'none' })
    expect(producer.bufferedBytes).toBe(0)
  })

  test('maps unknown error codes to internal, with their text', async () => {
    const { server, producer } = setUp()
    const error = { code: 'brand_new', message: 'from the future' }
    server.refuse = () => Response.json({ error }, { status: 400 })
    await expect(producer.send('t', { value: 'a' })).rejects.toMatchObject({
      code: 'internal',
      message: 'brand_new: from the future',
    })
  })
})

describe('flush() and close()', () => {
  test('flush() sends at once, and waits for all earlier records', async () => {
    const { server, producer } = setUp({ lingerMs: 10_000 })
    const sent = producer.send('t', { value: 'a' })
    await producer.flush()
    expect(server.produced).toHaveLength(1)
    expect((await sent).offset).toBe(0)
  })

  test('close() flushes once, and rejects later records', async () => {
    const { server, log, producer } = setUp({ lingerMs: 10_000 })
    const sent = producer.send('t', { value: 'a' })
    await Promise.all([producer.close(), producer.close(), log.close()])
    await sent
    expect(server.produced).toHaveLength(1)
    await expect(producer.send('t', { value: 'b' })).rejects.toMatchObject({
      code: 'invalid_request',
    })
    expect(() => log.createProducer()).toThrow('closed')
  })

  test('close() with a time limit rejects records without a response', async () => {
    const { server, producer } = setUp()
    server.gate = gate().promise
    const sends = [producer.send('t', { value: 'a' }), producer.send('t', { value: 'b' })]
    const settled = Promise.allSettled(sends)
    await producer.close({ timeoutMs: 50 })
    expect((await settled).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(producer.bufferedBytes).toBe(0)
  })

  test('close() reports of each record whether it may be stored', async () => {
    const { server, producer } = setUp({ inFlightMax: 1, lingerMs: 0 })
    server.gate = gate().promise
    const first = producer.send('t', { value: 'sent' })
    await vi.waitFor(() => expect(server.calls.at(-1)).toMatch(/^POST/), WAIT)
    const settled = Promise.allSettled([first, producer.send('t', { value: 'never sent' })])
    await producer.close({ timeoutMs: 50 })
    expect(await settled).toMatchObject([
      { reason: { code: 'unavailable', mayHaveTakenEffect: true } },
      { reason: { code: 'unavailable', mayHaveTakenEffect: false } },
    ])
  })

  test('close() with a time limit rejects records that wait for the buffer, and sends none of them', async () => {
    const { server, producer } = setUp({ bufferBytesMax: 3_000, batchBytesMax: 500 })
    await Promise.all([producer.send('t', { value: 'a' }), producer.send('u', { value: 'a' })])
    server.gate = gate().promise
    const sends = ['t', 't', 't', 't', 't', 't', 't', 'u', 'u', 'u'].map((topic) =>
      producer.send(topic, { value: 'x'.repeat(400) }),
    )
    const settled = Promise.allSettled(sends)
    await state(settled)
    const calls = server.calls.length
    await producer.close({ timeoutMs: 50 })
    expect(await state(settled)).toBe('fulfilled')
    expect(new Set((await settled).map(({ status }) => status))).toEqual(new Set(['rejected']))
    expect(producer.bufferedBytes).toBe(0)
    expect(server.calls).toHaveLength(calls)
  })
})

describe('sendBatch()', () => {
  test('throws the error of its input, and leaves no unhandled rejection', async () => {
    const { server, producer } = setUp()
    const error = { code: 'message_too_large', message: 'm' }
    await producer.send('t', { value: 'a' })
    server.refuse = () => Response.json({ error }, { status: 413 })
    const unheard: unknown[] = []
    const hear = (reason: unknown) => unheard.push(reason)
    process.on('unhandledRejection', hear)
    const records = function* () {
      yield { value: 'b' }
      throw new Error('no more')
    }
    await expect(producer.sendBatch('t', records())).rejects.toThrow('no more')
    await producer.flush()
    await state(new Promise(() => undefined))
    process.off('unhandledRejection', hear)
    expect(unheard).toEqual([])
  })
})

describe('the queue of waiting records', () => {
  test('keeps their order, and frees the slots of removed ones', () => {
    const queue = new Fifo<number>()
    let next = 0
    for (let added = 0; added < 100_000; added++) {
      queue.push(added)
      if (queue.length <= 50) continue
      expect(queue.first).toBe(next)
      queue.shift()
      next += 1
    }
    expect(queue.length).toBe(50)
    expect(queue.capacity).toBeLessThan(3_000)
    while (queue.length > 0) queue.shift()
    expect(queue.first).toBeUndefined()
    expect(queue.capacity).toBe(0)
  })
})
