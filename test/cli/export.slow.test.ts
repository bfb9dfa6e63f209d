/** `edgelog export` and `edgelog import`, as processes, between two servers. */

import { randomBytes } from 'node:crypto'
import { copyFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { FILE_HEADER_BYTES } from '../../client/cli/backup/export-format.ts'
import { type BatchRange, type Client, connect } from '../../client/index.ts'
import { encodeBatch } from '../../src/core/batch/batch-builder.ts'
import { readBatchHeaders } from '../../src/core/batch/record-batch.ts'
import { concatenate } from '../../src/core/bytes/concatenate.ts'
import { openTransaction } from '../client/open-transaction.ts'
import { readTopic } from '../client/read-topic.ts'
import { ServerProcess } from '../server/server-process.ts'
import { sharedServerUrl, uniqueName } from '../server/shared-server.ts'
import { copiedRecords, logEnds } from './copied-records.ts'
import { edgelog, ended, start } from './edgelog-command.ts'

const WAIT = { timeout: 120_000, interval: 10 }

let folder: string
let source: Client
/** A second server, to which logs move. */
let second: ServerProcess
let target: Client

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edgelog-export-'))
  second = await ServerProcess.start()
  source = connect({ url: sharedServerUrl() })
  target = connect({ url: second.url })
})

afterAll(async () => {
  await Promise.all([source?.close(), target?.close()])
  await second?.stop()
  await rm(folder, { recursive: true, force: true })
})

const exportTo = (topic: string, file: string) =>
  edgelog(sharedServerUrl(), ['export', topic, file])
const importFrom = (file: string) => edgelog(second.url, ['import', file])

/** Returns a topic with records in all partitions, with keys, headers and codecs. */
async function filledTopic(count: number, valueLength = 10): Promise<string> {
  const topic = uniqueName('export')
  await source.admin.createTopic(topic, { partitions: 3, config: { 'retention.ms': -1 } })
  await fill(topic, count, valueLength)
  return topic
}

async function fill(topic: string, count: number, valueLength = 10): Promise<void> {
  const producer = source.createProducer({ compression: 'gzip', bufferBytesMax: 64_000_000 })
  for (let index = 0; index < count; index++) {
    const sent = producer.send(topic, {
      partition: index % 3,
      key: `key ${index}`,
      value: `${index} ${randomBytes(valueLength).toString('base64')}`,
      headers: { index: String(index) },
      timestamp: 1_700_000_000_000 + index,
    })
    if (index % 200 === 199) await sent
  }
  await producer.flush()
  await producer.close()
}

const recordsOf = (client: Client, topic: string) =>
  copiedRecords(client, client === source ? sharedServerUrl() : second.url, topic)

function recordCount(range: BatchRange | undefined): number {
  const headers = readBatchHeaders(range?.batches ?? new Uint8Array(0))
  return headers.reduce((sum, { recordsCount }) => sum + recordsCount, 0)
}

describe('edgelog export and import', () => {
  test('copies a topic with offsets, keys, headers, times and config', async () => {
    const topic = await filledTopic(3_000)
    await source.admin.deleteRecords(topic, 1, 7)
    await source.admin.deleteRecords(topic, 2, 'latest')
    const file = join(folder, `${topic}.edgelog`)
    const exported = await exportTo(topic, file)
    expect(exported).toMatchObject({ code: 0 })
    expect(exported.stderr).toContain('exported ')
    expect(await importFrom(file)).toMatchObject({ code: 0 })
    const expected = await recordsOf(source, topic)
    expect(expected.length).toBeGreaterThan(1_900)
    expect(await recordsOf(target, topic)).toEqual(expected)
    expect(await logEnds(target, topic)).toEqual(await logEnds(source, topic))
    const [from, to] = await Promise.all([
      source.admin.describeTopic(topic),
      target.admin.describeTopic(topic),
    ])
    expect(to.config).toEqual(from.config)
    const read = await readTopic(target, topic, 1)
    expect(read.map(({ offset }) => offset)).toEqual(
      expected.filter(({ partition }) => partition === 1).map(({ offset }) => offset),
    )
    const next = await target.send(topic, { partition: 2, value: 'next' })
    expect(next.offset).toBe((await logEnds(source, topic))[2]?.[1])
  })

  test('goes on after kills of the export and of the import', async () => {
    const topic = await filledTopic(150, 100_000)
    const file = join(folder, `${topic}.edgelog`)
    const size = async () => (await readFile(file).catch(() => new Uint8Array(0))).length
    const exporting = start(sharedServerUrl(), ['export', topic, file])
    const gone = ended(exporting)
    await vi.waitUntil(async () => (await size()) > 1_000_000 || exporting.exitCode !== null, WAIT)
    exporting.kill('SIGKILL')
    await gone
    // Whatever the kill left, the end is missing.
    await truncate(file, Math.floor((await size()) / 2))
    expect(await importFrom(file)).toMatchObject({
      ...{ code: 1, stderr: expect.stringContaining('incomplete, it is cut at byte') },
    })
    await expect(target.admin.describeTopic(topic)).rejects.toMatchObject({
      code: 'unknown_topic_or_partition',
    })
    // Later records are not part of an export that goes on.
    const before = await recordsOf(source, topic)
    await fill(topic, 30)
    expect(await exportTo(topic, file)).toMatchObject({ code: 0 })
    expect(await exportTo(topic, file)).toMatchObject({
      ...{ code: 0, stderr: expect.stringContaining('complete already') },
    })
    const importing = start(second.url, ['import', file])
    const stopped = ended(importing)
    await vi.waitUntil(
      async () =>
        importing.exitCode !== null ||
        (await target.admin.describeTopic(topic).then(
          ({ partitionDetails }) => (partitionDetails?.[0]?.highWatermark ?? 0) > 0,
          () => false,
        )),
      WAIT,
    )
    importing.kill('SIGKILL')
    await stopped
    expect(await importFrom(file)).toMatchObject({ code: 0 })
    expect(await recordsOf(target, topic)).toEqual(before)
    expect(await importFrom(file)).toMatchObject({ code: 0 })
    expect(await recordsOf(target, topic)).toEqual(before)
  })

  test('goes on with an export although records were deleted meanwhile', async () => {
    const topic = uniqueName('export')
    await source.admin.createTopic(topic, { config: { 'retention.ms': -1 } })
    const value = () => randomBytes(100_000)
    for (let round = 0; round < 12; round++) {
      const records = Array.from({ length: 10 }, () => ({ value: value() }))
      await source.sendBatch(topic, records)
    }
    const file = join(folder, topic)
    expect(await exportTo(topic, file)).toMatchObject({ code: 0 })
    // One frame is whole.
    await truncate(file, 6_000_000)
    const [logStart, end] = [95, 120]
    await source.admin.deleteRecords(topic, 0, logStart)
    expect(await exportTo(topic, file)).toMatchObject({ code: 0 })
    expect(await importFrom(file)).toMatchObject({ code: 0 })
    expect(await logEnds(target, topic)).toEqual([[0, end]])
    const copied = await recordsOf(target, topic)
    expect(copied[0]?.offset).toBe(0)
    expect(copied.length).toBeLessThan(end)
    expect(copied.filter(({ offset }) => offset >= logStart)).toEqual(
      await recordsOf(source, topic),
    )
  })

  test('goes on when the server is killed during an import', async () => {
    const topic = await filledTopic(150, 100_000)
    const file = join(folder, topic)
    expect(await exportTo(topic, file)).toMatchObject({ code: 0 })
    const importing = start(second.url, ['import', file])
    const outcome = ended(importing)
    const isBegun = async () =>
      importing.exitCode !== null ||
      (await logEnds(target, topic).catch(() => [])).some(([, end = 0]) => end > 0)
    await vi.waitUntil(isBegun, WAIT)
    await second.kill()
    await second.start()
    expect(await outcome).toMatchObject({ code: 0 })
    expect(await recordsOf(target, topic)).toEqual(await recordsOf(source, topic))
  })

  test('imports in parts what is too much for one request', async () => {
    const topic = uniqueName('export')
    await source.admin.createTopic(topic, { config: { 'retention.ms': -1 } })
    const url = `${sharedServerUrl()}/v1/topics/${topic}/partitions/0/records`
    const headers = { 'content-type': 'application/vnd.edgelog.batch' }
    const record = { timestamp: Date.now(), key: null, value: new Uint8Array(1), headers: [] }
    const many = concatenate(Array.from({ length: 10_000 }, () => encodeBatch([record])))
    for (let request = 0; request < 2; request++) {
      const response = await fetch(url, { method: 'POST', headers, body: many as BodyInit })
      expect(response.status).toBe(200)
    }
    // Together they decompress to more than a request may.
    const producer = source.createProducer({ compression: 'gzip' })
    const value = new Uint8Array(900_000)
    for (let round = 0; round < 20; round++) {
      await Promise.all(Array.from({ length: 16 }, () => producer.send(topic, { value })))
    }
    await producer.close()
    const file = join(folder, topic)
    expect(await exportTo(topic, file)).toMatchObject({ code: 0 })
    expect(await importFrom(file)).toMatchObject({ code: 0 })
    expect(await logEnds(target, topic)).toEqual([[0, 20_320]])
    const [one, other] = await Promise.all(
      [source, target].map((client) =>
        client.admin.readBatches(topic, 0, { offset: 0, maxBytes: 16_000_000 }),
      ),
    )
    expect(other?.to).toBe(20_320)
    expect(recordCount(other)).toBe(recordCount(one))
  })

  test('imports a later export of a topic behind an earlier one', async () => {
    const topic = await filledTopic(100)
    const [early, late] = [join(folder, `${topic}-1`), join(folder, `${topic}-2`)]
    await exportTo(topic, early)
    await fill(topic, 50)
    await exportTo(topic, late)
    expect(await importFrom(early)).toMatchObject({ code: 0 })
    expect(await importFrom(late)).toMatchObject({ code: 0 })
    expect(await recordsOf(target, topic)).toEqual(await recordsOf(source, topic))
    expect(await importFrom(early)).toMatchObject({ code: 0 })
  })

  test('exports no records of open and aborted transactions, and none waits for a marker', async () => {
    const topic = await filledTopic(3)
    const [committed, aborted, open] = [uniqueName('a'), uniqueName('b'), uniqueName('c')]
    const url = sharedServerUrl()
    await (await openTransaction(url, committed, topic, ['committed'])).end('commit')
    await openTransaction(url, aborted, topic, ['aborted'])
    await source.admin.abortTransaction(aborted)
    await openTransaction(url, open, topic, ['open'])
    const file = join(folder, topic)
    expect(await exportTo(topic, file)).toMatchObject({ code: 0 })
    expect(await importFrom(file)).toMatchObject({ code: 0 })
    const values = (await recordsOf(target, topic)).map(({ value }) => value)
    expect(values).toContain('committed')
    expect(values).not.toContain('aborted')
    expect(values).not.toContain('open')
    // The log ends with offsets that have no record.
    const consumed = await edgelog(second.url, [
      'consume',
      topic,
      '--from-beginning',
      '--timeout-ms',
      '2000',
    ])
    expect(consumed).toMatchObject({ code: 0, stdout: expect.stringContaining('committed') })
    const { partitionDetails } = await target.admin.describeTopic(topic)
    for (const { partition, lastStableOffset, highWatermark } of partitionDetails ?? []) {
      expect(lastStableOffset).toBe(highWatermark)
      const of = (await source.admin.describeTopic(topic)).partitionDetails?.[partition]
      expect(highWatermark).toBe(of?.lastStableOffset)
    }
    await source.admin.abortTransaction(open)
  })

  test('refuses damaged files, other files and other versions, and changes nothing', async () => {
    const topic = await filledTopic(30)
    const file = join(folder, topic)
    await exportTo(topic, file)
    const whole = await readFile(file)
    const damagedAt = async (at: number, name: string) => {
      const bytes = Uint8Array.from(whole)
      bytes[at] = (bytes[at] as number) ^ 1
      const path = join(folder, `${topic}-${name}`)
      await writeFile(path, bytes)
      return await importFrom(path)
    }
    const cut = join(folder, `${topic}-cut`)
    await copyFile(file, cut)
    await truncate(cut, whole.length - 1)
    const cases = [
      [damagedAt(Math.floor(whole.length / 2), 'middle'), 'the checksum does not match'],
      [damagedAt(whole.length - 1, 'end'), 'the checksum does not match'],
      [damagedAt(0, 'magic'), 'not an export of edgelog'],
      [damagedAt(FILE_HEADER_BYTES - 1, 'version'), 'version 0 of the export format; 1 is allowed'],
      [importFrom(cut), 'incomplete, it is cut at byte'],
      [importFrom(join(folder, 'missing')), 'no such file'],
    ] as const
    for (const [outcome, message] of cases) {
      expect(await outcome).toMatchObject({ code: 1, stderr: expect.stringContaining(message) })
    }
    await expect(target.admin.describeTopic(topic)).rejects.toMatchObject({
      code: 'unknown_topic_or_partition',
    })
    // An export does not overwrite them either.
    for (const name of ['middle', 'magic', 'version']) {
      expect(await exportTo(topic, join(folder, `${topic}-${name}`))).toMatchObject({ code: 1 })
    }
  })

  test('refuses a topic that has other records or partitions, and changes nothing', async () => {
    const topic = await filledTopic(30)
    const file = join(folder, topic)
    await exportTo(topic, file)
    await target.admin.createTopic(topic, { partitions: 2 })
    expect(await importFrom(file)).toMatchObject({
      ...{ code: 1, stderr: expect.stringContaining('it exists with 2 partitions') },
    })
    await target.admin.alterTopic(topic, { partitions: 3 })
    await target.send(topic, { partition: 2, value: 'mine' })
    const before = await recordsOf(target, topic)
    expect(await importFrom(file)).toMatchObject({
      ...{ code: 1, stderr: expect.stringMatching(/partition 2: .*policy_violation/s) },
    })
    expect(await recordsOf(target, topic)).toEqual(before)
  })

  test('refuses to export another topic to a file, and a topic that was created anew', async () => {
    const [topic, other] = [await filledTopic(30), await filledTopic(3)]
    const file = join(folder, topic)
    await exportTo(topic, file)
    expect(await exportTo(other, file)).toMatchObject({
      ...{ code: 1, stderr: expect.stringContaining(`the file is an export of topic ${topic}`) },
    })
    await truncate(file, (await readFile(file)).length - 500)
    await source.admin.deleteTopic(topic)
    await source.admin.createTopic(topic, { partitions: 3 })
    expect(await exportTo(topic, file)).toMatchObject({
      ...{ code: 1, stderr: expect.stringContaining('created anew since') },
    })
  })

  test('explains wrong usage', async () => {
    const url = sharedServerUrl()
    const [none, both, unknown] = await Promise.all([
      edgelog(url, ['export', 'topic']),
      edgelog(url, ['export', '--all', 'topic', 'file']),
      edgelog(url, ['export', uniqueName('unknown'), join(folder, 'unknown')]),
    ])
    expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining('a topic and a file') })
    expect(both).toMatchObject({ code: 2 })
    expect(unknown).toMatchObject({
      ...{ code: 1, stderr: expect.stringContaining('unknown_topic_or_partition') },
    })
    await expect(readFile(join(folder, 'unknown'))).rejects.toThrow()
  })
})

describe('edgelog export --all', () => {
  test('moves all topics and the offsets of groups, and does not move them back', async () => {
    const [first, third] = await Promise.all([ServerProcess.start(), ServerProcess.start()])
    const [from, to] = [connect({ url: first.url }), connect({ url: third.url })]
    try {
      for (const topic of ['a', 'b']) {
        await from.admin.createTopic(topic, { partitions: 2, config: { 'retention.ms': -1 } })
        for (let index = 0; index < 10; index++) {
          await from.send(topic, { partition: index % 2, value: `${topic} ${index}` })
        }
      }
      await from.group('g').commitOffsets([
        { topic: 'a', partition: 0, offset: 3, metadata: 'three' },
        { topic: 'b', partition: 1, offset: 5 },
      ])
      const file = join(folder, 'all.edgelog')
      expect(await edgelog(first.url, ['export', '--all', file])).toMatchObject({ code: 0 })
      expect(await edgelog(third.url, ['import', file])).toMatchObject({ code: 0 })
      const offsets = await to.group('g').offsets()
      expect(offsets).toHaveLength(2)
      expect(offsets).toContainEqual(
        expect.objectContaining({ topic: 'a', partition: 0, offset: 3, metadata: 'three' }),
      )
      const topics = await to.admin.listTopics()
      expect(topics.map(({ name, partitions }) => [name, partitions])).toEqual([
        ['a', 2],
        ['b', 2],
      ])
      await to.group('g').commitOffsets([{ topic: 'a', partition: 0, offset: 4 }])
      expect(await edgelog(third.url, ['import', file])).toMatchObject({ code: 0 })
      expect(await to.group('g').offsets()).toContainEqual(
        expect.objectContaining({ topic: 'a', partition: 0, offset: 4 }),
      )
    } finally {
      await Promise.all([from.close(), to.close()])
      await Promise.all([first.stop(), third.stop()])
    }
  })
})
