/** Question: does kcat as packaged by Debian (librdkafka 2.0.2) work with the bridge? */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../support/until.ts'
import { provideKcat } from './support/find-kcat.ts'
import { kcat as run, startKcat } from './support/kcat.ts'
import { numbered, type PlainRecord, readNative, SAMPLES, valuesOf } from './support/records.ts'
import { openStage, type Stage } from './support/stage.ts'

const INSTALL_MS_MAX = 300_000
const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
/** Arguments to print all stored records and exit. */
const READ = ['-C', '-q', '-e', '-X', 'fetch.wait.max.ms=100'] as const
const VALUES = ['-f', '%s\n'] as const

let stage: Stage
beforeAll(async () => {
  await provideKcat()
  stage = await openStage()
}, INSTALL_MS_MAX)
afterAll(async () => await stage.close())

async function kcat(args: readonly string[], input = ''): Promise<string> {
  return (await run(stage.bootstrap, args, input)).stdout
}

async function newTopic(partitions = 1): Promise<string> {
  const topic = stage.name()
  await stage.native.admin.createTopic(topic, { partitions })
  return topic
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '')
}

interface JsonRecord {
  readonly key: string | null
  readonly payload: string | null
  readonly headers?: readonly string[]
}

async function readRecords(topic: string): Promise<PlainRecord[]> {
  const lines = linesOf(await kcat([...READ, '-t', topic, '-o', 'beginning', '-J']))
  return lines.map((line) => {
    const { key, payload, headers = [] } = JSON.parse(line) as JsonRecord
    const pairs = headers.flatMap((name, at) => (at % 2 === 0 ? [[name, headers[at + 1]]] : []))
    return { key, value: payload, headers: Object.fromEntries(pairs) }
  })
}

test('kcat -L lists the broker at the address of the bridge, and topics with their partitions', async () => {
  const topic = await newTopic(3)
  const output = await kcat(['-L'])
  expect(output).toContain(` at localhost:${stage.port}`)
  expect(output).toContain(`topic "${topic}" with 3 partitions:`)
  expect(await kcat(['-L', '-t', topic])).toContain('partition 2, leader')
})

describe('records', () => {
  // An input line cannot have both empty and null values, and all lines share the headers.
  const headers = { trace: 'abc', note: 'größe' }
  const samples = SAMPLES.filter(({ value }) => value !== '').map((one) => ({ ...one, headers }))
  const lines = samples.map(({ key, value }) => `${key ?? ''}|${value ?? ''}\n`).join('')
  const withHeaders = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}=${value}`])

  test.each(CODECS)('compressed by %s are read by all clients', async (codec) => {
    const topic = await newTopic()
    await kcat(['-P', '-t', topic, '-z', codec, '-K', '|', '-Z', ...withHeaders], lines)
    expect(await readNative(stage.native, topic)).toEqual(samples)
    expect(await readRecords(topic)).toEqual(samples)
  })

  test.each(CODECS)('are compressed by %s on the wire', async (codec) => {
    const topic = await newTopic()
    await kcat(['-P', '-t', topic, '-z', codec], `${'to be compressed '.repeat(500)}\n`)
    const { partitionDetails } = await stage.native.admin.describeTopic(topic)
    const isSmall = (partitionDetails?.[0]?.sizeBytes ?? 0) < 1_000
    expect(isSmall).toBe(codec !== 'none')
  })

  test.each(CODECS)('of the native client in %s are read', async (compression) => {
    const topic = await newTopic()
    const native = stage.native.createProducer({ compression })
    await native.sendBatch(topic, SAMPLES)
    await native.close()
    expect(await readRecords(topic)).toEqual(SAMPLES)
  })

  test.each(CODECS)('of a compacted topic, rewritten in %s, are read to the end', async (codec) => {
    const topic = stage.name()
    const config = {
      'cleanup.policy': 'compact',
      'segment.ms': 1,
      'min.cleanable.dirty.ratio': 0,
      'delete.retention.ms': 0,
    }
    await stage.native.admin.createTopic(topic, { config })
    const lines = numbered('v', 600).map((value, index) => `k${index % 3}|${value}\n`)
    await kcat(['-P', '-t', topic, '-z', codec, '-K', '|'], lines.join(''))
    await kcat(['-P', '-t', topic, '-z', codec, '-K', '|', '-Z'], 'k0|\nlast|one\n')
    const isRead = async () => (await readRecords(topic)).length
    await until('the log is compacted', async () => (await isRead()) === 3)
    const read = (await readRecords(topic)).map(({ key, value }) => [key, value])
    expect(read).toEqual([
      ['k1', 'v-598'],
      ['k2', 'v-599'],
      ['last', 'one'],
    ])
    // From an offset of which the record is gone.
    const fromHole = await kcat([...READ, '-t', topic, '-o', '10', '-f', '%o '])
    expect(fromHole.trim()).toBe('598 599 601')
  })

  test('of an idempotent producer are stored in order', async () => {
    const topic = await newTopic()
    const values = numbered('v', 5_000)
    const idempotent = ['-X', 'enable.idempotence=true', '-X', 'batch.num.messages=100']
    await kcat(['-P', '-t', topic, ...idempotent], `${values.join('\n')}\n`)
    expect(await valuesOf(stage.native, topic, 1)).toEqual([values])
  })

  test('create the topic that they are sent to', async () => {
    const topic = stage.name()
    await kcat(['-P', '-t', topic], 'first\n')
    expect(await valuesOf(stage.native, topic, 1)).toEqual([['first']])
  })

  test.each(['0', '1', '-1'])('are stored with acks=%s', async (acks) => {
    const topic = await newTopic()
    await kcat(['-P', '-t', topic, '-X', `topic.acks=${acks}`], 'a\nb\n')
    const stored = async () => (await valuesOf(stage.native, topic, 1))[0]
    await until('both are stored', async () => (await stored())?.length === 2)
    expect(await stored()).toEqual(['a', 'b'])
  })
})

describe('kcat', () => {
  /** A minute ago, because retention deletes records that are a week old. */
  const FIRST_MS = Date.now() - 60_000
  let topic: string
  beforeAll(async () => {
    topic = await newTopic()
    const producer = stage.native.createProducer()
    for (const [index, value] of numbered('v', 6).entries()) {
      await producer.send(topic, { value, timestamp: FIRST_MS + index * 1_000 })
    }
    await producer.close()
  })
  const all = numbered('v', 6)

  test.each([
    ['beginning', all],
    ['2', all.slice(2)],
    ['-2', all.slice(4)],
    ['end', []],
    [`s@${FIRST_MS + 2_500}`, all.slice(3)],
    [`s@${FIRST_MS}`, all],
  ])('reads from the right offset with -o %s', async (offset, values) => {
    const read = [...READ, '-t', topic, '-p', '0', '-o', offset, ...VALUES]
    expect(linesOf(await kcat(read))).toEqual(values)
  })

  test('reads from one time to another', async () => {
    const times = ['-o', `s@${FIRST_MS + 1_000}`, '-o', `e@${FIRST_MS + 3_000}`]
    const read = [...READ, '-t', topic, '-p', '0', ...times, ...VALUES]
    expect(linesOf(await kcat(read))).toEqual(all.slice(1, 3))
  })

  test.each([
    [FIRST_MS, 0],
    [FIRST_MS + 1, 1],
    [FIRST_MS + 5_001, -1],
    [-1, 6],
    [-2, 0],
  ])('finds the offset of %s with -Q', async (time, offset) => {
    expect(await kcat(['-Q', '-t', `${topic}:0:${time}`])).toBe(`${topic} [0] offset ${offset}\n`)
  })
})

test('kcat -G shares a group between two processes, and one continues when the other ends', async () => {
  const [topic, groupId] = [await newTopic(3), stage.name()]
  const quick = ['session.timeout.ms=6000', 'heartbeat.interval.ms=200', 'fetch.wait.max.ms=100']
  const settings = [...quick, 'auto.offset.reset=earliest'].flatMap((one) => ['-X', one])
  const join = () =>
    startKcat(stage.bootstrap, ['-u', ...VALUES, ...settings, '-G', groupId, topic])
  const sent: string[] = []
  const send = async (count: number) => {
    const values = numbered(`round${sent.length}`, count)
    for (const partition of [0, 1, 2]) {
      const own = values.filter((_, index) => index % 3 === partition)
      await kcat(['-P', '-t', topic, '-p', String(partition)], `${own.join('\n')}\n`)
    }
    sent.push(...values)
  }
  await send(30)
  const first = join()
  const members = [first]
  const delivered = () => members.flatMap(({ output }) => linesOf(output.stdout))
  await until('the first has received all', () => delivered().length >= 30)

  const second = join()
  members.push(second)
  await until('the second has partitions', () => /assigned: t\S+ \[\d\]/.test(second.output.stderr))
  await send(30)
  await until('both together have received all', () => delivered().length >= 60)
  expect(delivered().sort()).toEqual([...sent].sort())
  expect(linesOf(second.output.stdout).length).toBeGreaterThan(0)
  expect(linesOf(first.output.stdout).length).toBeGreaterThan(30)

  first.child.kill('SIGINT')
  expect(await first.ended).toBe(0)
  await send(30)
  await until('the second has received the rest', () => delivered().length >= 90)
  expect(delivered().sort()).toEqual([...sent].sort())

  second.child.kill('SIGINT')
  await second.ended
  const { totalLag } = await stage.native.group(groupId).describe()
  expect(totalLag).toBe(0)
})

describe('transactions of librdkafka', () => {
  test('shows the records of a producer with a transactional id once it has committed them', async () => {
    const topic = await newTopic(2)
    const transactionalId = `kcat-${topic}`
    const args = ['-P', '-t', topic, '-X', `transactional.id=${transactionalId}`]
    const values = numbered('value', 50)
    for (const half of [values.slice(0, 25), values.slice(25)]) {
      await kcat([...args, '-X', 'transaction.timeout.ms=30000'], half.join('\n'))
    }
    const read = await kcat([...READ, '-t', topic, '-o', 'beginning', ...VALUES])
    expect(linesOf(read).sort()).toEqual(values.toSorted())
    const response = await fetch(`${stage.server.url}/v1/transactions/${transactionalId}`)
    expect(await response.json()).toMatchObject({ state: 'CompleteCommit' })
  })

  test('hides the records of a producer that was killed, once the next instance has started', async () => {
    const topic = await newTopic()
    const args = ['-P', '-t', topic, '-X', `transactional.id=kcat-${topic}`, '-X', 'linger.ms=0']
    const killed = startKcat(stage.bootstrap, args)
    // It reads its input in large pieces, and commits at its end, which never comes.
    killed.child.stdin?.write('lost\n'.repeat(100_000))
    const readAs = async (isolation: string) => {
      const isolated = ['-X', `isolation.level=${isolation}`]
      return linesOf(await kcat([...READ, ...isolated, '-t', topic, '-o', 'beginning', ...VALUES]))
    }
    await until('the record is stored', async () => {
      return (await readAs('read_uncommitted')).includes('lost')
    })
    killed.child.kill('SIGKILL')
    await killed.ended
    expect(await readAs('read_committed')).toEqual([])
    await kcat(args, 'kept')
    expect(await readAs('read_committed')).toEqual(['kept'])
    expect((await readAs('read_uncommitted')).at(-1)).toBe('kept')
  })
})
