/** A topic with remote storage over HTTP: its old records lie in R2, and readers do not see a difference. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Client, connect } from '../../client/index.ts'
import { readBatchHeaders } from '../../src/core/batch/record-batch.ts'
import { sharedServerUrl, uniqueName } from '../server/shared-server.ts'

const topic = uniqueName('remote')
const RECORDS = 48
const VALUE_LENGTH = 100_000
const FIRST_TIME = 1_700_000_000_000
const WAIT = { timeout: 120_000, interval: 50 }

let log: Client

beforeAll(async () => {
  log = connect({ url: sharedServerUrl() })
  await log.admin.createTopic(topic, {
    config: {
      'remote.storage.enable': true,
      'local.retention.bytes': 1,
      'segment.bytes': 1_048_576,
      'retention.ms': -1,
    },
  })
  for (let index = 0; index < RECORDS; index++) await produce(index)
  await vi.waitUntil(async () => ((await remoteOf())?.localStartOffset ?? 0) > 20, WAIT)
})

afterAll(async () => {
  await log.admin.deleteTopic(topic)
  await log.close()
})

async function produce(index: number): Promise<void> {
  const value = `${index} `.padEnd(VALUE_LENGTH, 'x')
  const response = await fetch(`${sharedServerUrl()}/v1/topics/${topic}/partitions/0/records`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ records: [{ value, timestamp: FIRST_TIME + index }] }),
  })
  expect(response.status).toBe(200)
}

async function remoteOf() {
  return (await log.admin.describeTopic(topic)).partitionDetails?.[0]?.remote
}

function records(query: string, headers: Record<string, string> = {}): Promise<Response> {
  const url = `${sharedServerUrl()}/v1/topics/${topic}/partitions/0/records?${query}`
  return fetch(url, { headers })
}

async function numbersOf(response: Response): Promise<number[]> {
  const { records: found } = (await response.json()) as { records: { value: string }[] }
  return found.map(({ value }) => Number.parseInt(value, 10))
}

describe('a topic with remote storage', () => {
  test('has the records that left the partition, and counts each once', async () => {
    const { partitionDetails } = await log.admin.describeTopic(topic)
    const [details] = partitionDetails ?? []
    expect(details).toMatchObject({ logStartOffset: 0, highWatermark: RECORDS })
    const { localStartOffset = 0, copiedOffset = 0, localBytes = 0 } = details?.remote ?? {}
    expect(copiedOffset).toBeGreaterThanOrEqual(localStartOffset)
    expect(details?.sizeBytes).toBeGreaterThan(RECORDS * VALUE_LENGTH)
    expect(details?.sizeBytes).toBeLessThan(RECORDS * (VALUE_LENGTH + 200))
    expect(localBytes).toBeLessThan((details?.sizeBytes ?? 0) / 2)
  })

  test('returns them to a fetch in slices, each where the last one ended', async () => {
    const numbers: number[] = []
    for (let offset = 0; offset < RECORDS; ) {
      const response = await records(`offset=${offset}&maxBytes=250000`)
      expect(response.status).toBe(200)
      const next = Number(response.headers.get('edgelog-next-offset'))
      expect(next).toBeGreaterThan(offset)
      offset = next
      numbers.push(...(await numbersOf(response)))
    }
    expect(numbers).toEqual(Array.from({ length: RECORDS }, (_, index) => index))
  })

  test('returns the first record at or after a time', async () => {
    for (const index of [0, 7, 21, RECORDS - 1]) {
      const response = await records(`timestamp=${FIRST_TIME + index}&maxBytes=1`)
      expect(response.headers.get('edgelog-offset')).toBe(String(index))
    }
  })

  test('returns whole batches as they were stored', async () => {
    const response = await records('offset=3&maxBytes=1', {
      Accept: 'application/vnd.edgelog.batch',
    })
    expect(response.status).toBe(200)
    const bytes = new DataView(await response.arrayBuffer())
    expect(bytes.getBigInt64(0)).toBe(3n)
  })

  test('returns sealed chunks from R2, which a fetch names, and the next ones from the partition', async () => {
    const named = await records('offset=0&maxBytes=1')
    const path = named.headers.get('edgelog-sealed') ?? ''
    expect(path).toMatch(/\/sealed\/0$/)
    const base = path.replace(/\/0$/, '')
    const offsets: number[] = []
    let offset = 0
    for (;;) {
      const response = await fetch(`${sharedServerUrl()}${base}/${offset}`)
      if (response.status === 404) break
      expect(response.status).toBe(200)
      const etag = response.headers.get('etag') ?? ''
      const again = await fetch(`${sharedServerUrl()}${base}/${offset}`, {
        headers: { 'If-None-Match': etag },
      })
      expect([again.status, again.headers.get('etag')]).toEqual([304, etag])
      expect(response.headers.get('cache-control')).toContain('immutable')
      expect(Number(response.headers.get('edgelog-offset'))).toBe(offset)
      const bytes = new Uint8Array(await response.arrayBuffer())
      offsets.push(...readBatchHeaders(bytes).map(({ baseOffset }) => baseOffset))
      offset = Number(response.headers.get('edgelog-next-offset'))
    }
    expect(offset).toBeGreaterThanOrEqual((await remoteOf())?.localStartOffset ?? RECORDS)
    expect(offsets).toEqual(Array.from({ length: offset }, (_, index) => index))
  })

  test('goes on from R2 to the partition in one tail, and on to new records', async () => {
    const consumer = await log.consumer({
      assignments: [{ topic, partition: 0, offset: 'earliest' }],
    })
    const numbers: number[] = []
    for await (const record of consumer.records()) {
      numbers.push(Number.parseInt(record.valueText ?? '', 10))
      if (numbers.length === RECORDS) await produce(RECORDS)
      if (numbers.length === RECORDS + 1) break
    }
    expect(numbers).toEqual(Array.from({ length: RECORDS + 1 }, (_, index) => index))
  })

  test('sends them as server-sent events', async () => {
    const abort = new AbortController()
    const response = await fetch(
      `${sharedServerUrl()}/v1/topics/${topic}/records?offset=earliest`,
      {
        signal: abort.signal,
        headers: { Accept: 'text/event-stream' },
      },
    )
    expect(response.status).toBe(200)
    let text = ''
    const decoder = new TextDecoder()
    for await (const part of response.body ?? []) {
      text += decoder.decode(part, { stream: true })
      if (text.includes(`"value":"${RECORDS - 1} `)) break
    }
    abort.abort()
    const seen = [...text.matchAll(/"value":"(\d+) /g)].map(([, digits]) => Number(digits))
    expect(seen).toEqual(Array.from({ length: RECORDS }, (_, index) => index))
  })
})
