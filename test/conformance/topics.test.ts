import { describe, expect, test } from 'vitest'
import { expectError, useTarget } from './target.ts'

const target = useTarget()
const { request, topic } = target

describe('POST /v1/topics', () => {
  test('returns 201 with id, partitions and the whole config in Kafka names', async () => {
    const name = `created-${Date.now()}`
    const response = await request('POST', '/v1/topics', {
      json: { name, partitions: 3, config: { 'retention.ms': 60_000, 'cleanup.policy': 'delete' } },
    })
    expect(response.status).toBe(201)
    expect(response.headers.get('location')).toBe(`/v1/topics/${name}`)
    const body = await response.json()
    expect(body).toMatchObject({ name, partitions: 3 })
    expect(body.id).toMatch(/^[0-9a-f-]{36}$/)
    expect(body.config['retention.ms']).toBe(60_000)
    expect(body.config['max.message.bytes']).toBe(1_048_588)
    await request('DELETE', `/v1/topics/${name}`)
  })

  test('creates one partition if no number is given', async () => {
    const name = await topic()
    const body = await (await request('GET', `/v1/topics/${name}`)).json()
    expect(body.partitions).toBe(1)
    expect(body.partitionDetails).toEqual([
      {
        ...{ partition: 0, sizeBytes: 0 },
        ...{ logStartOffset: 0, lastStableOffset: 0, highWatermark: 0 },
      },
    ])
  })

  test('creates partitions that accept records at once, each for itself', async () => {
    const name = `unused-${Date.now()}`
    await request('POST', '/v1/topics', { json: { name, partitions: 3 } })
    const records = `/v1/topics/${name}/partitions/1/records`
    const appended = await request('POST', records, { json: { records: [{ value: 'a' }] } })
    expect(await appended.json()).toMatchObject({ offsets: [{ partition: 1, offset: 0 }] })
    const { partitionDetails } = await (await request('GET', `/v1/topics/${name}`)).json()
    const highWatermarks = [0, 1, 0].map((highWatermark) => ({ highWatermark }))
    expect(partitionDetails).toMatchObject(highWatermarks)
    const read = await request('GET', `/v1/topics/${name}/partitions/2/records?offset=0`)
    expect(await read.json()).toMatchObject({ records: [] })
    // The partition that was used, the one that was read, and the one that was not.
    expect((await request('DELETE', `/v1/topics/${name}`)).status).toBe(204)
    await request('POST', '/v1/topics', { json: { name, partitions: 3 } })
    const anew = await (await request('GET', `/v1/topics/${name}`)).json()
    expect(anew.partitionDetails).toMatchObject([0, 0, 0].map(() => ({ highWatermark: 0 })))
    await request('DELETE', `/v1/topics/${name}`)
  })

  test('rejects a name that is taken', async () => {
    const name = await topic()
    await expectError(
      await request('POST', '/v1/topics', { json: { name } }),
      409,
      'topic_already_exists',
    )
  })

  const refused: Array<[string, unknown, string, string]> = [
    ['no name', {}, 'invalid_request', 'name'],
    ['a name that is not text', { name: 7 }, 'invalid_request', 'name'],
    ['an empty name', { name: '' }, 'invalid_topic', 'name'],
    ['a name with a slash', { name: 'a/b' }, 'invalid_topic', 'name'],
    ['a name of 250 characters', { name: 'a'.repeat(250) }, 'invalid_topic', '249'],
    ['the name ..', { name: '..' }, 'invalid_topic', 'name'],
    ['no partitions', { name: 'x', partitions: 0 }, 'invalid_partitions', 'partitions'],
    ['too many partitions', { name: 'x', partitions: 1001 }, 'invalid_partitions', '1000'],
    ['half a partition', { name: 'x', partitions: 1.5 }, 'invalid_partitions', 'partitions'],
    ['partitions as text', { name: 'x', partitions: '3' }, 'invalid_request', 'partitions'],
    ['an unknown field', { name: 'x', partition: 3 }, 'invalid_request', 'partition'],
    [
      'an unknown config',
      { name: 'x', config: { 'retention.m': 1 } },
      'invalid_config',
      'retention.ms',
    ],
    [
      'a config out of range',
      { name: 'x', config: { 'retention.ms': -2 } },
      'invalid_config',
      '-1',
    ],
    [
      'a config of a wrong type',
      { name: 'x', config: { 'retention.ms': 'soon' } },
      'invalid_config',
      'soon',
    ],
    [
      'a config that is a list',
      { name: 'x', config: { 'retention.ms': [1] } },
      'invalid_request',
      'retention.ms',
    ],
    [
      'max.message.bytes beyond a row',
      { name: 'x', config: { 'max.message.bytes': 3e6 } },
      'invalid_config',
      'max.message.bytes',
    ],
    [
      'an unknown location hint',
      { name: 'x', locationHint: 'moon' },
      'invalid_request',
      'locationHint',
    ],
    ['an array', [], 'invalid_request', 'body'],
    ['null', null, 'invalid_request', 'body'],
  ]
  test.each(refused)('rejects %s, and stores nothing', async (_, json, code, mentions) => {
    const error = await expectError(await request('POST', '/v1/topics', { json }), 400, code)
    expect(error.message).toContain(mentions)
    expect((await request('GET', '/v1/topics/x')).status).toBe(404)
  })

  test('rejects a body that is not JSON, not UTF-8, without a JSON media type, or too long', async () => {
    const json = { 'Content-Type': 'application/json' }
    const post = (body: BodyInit, headers: Record<string, string> = json) =>
      request('POST', '/v1/topics', { body, headers })
    await expectError(await post('{"name"'), 400, 'invalid_request')
    await expectError(await post(''), 400, 'invalid_request')
    const notUtf8 = new Uint8Array([...new TextEncoder().encode('{"name":"'), 0xff, 0x22, 0x7d])
    const error = await expectError(await post(notUtf8), 400, 'invalid_request')
    expect(error.message).toContain('UTF-8')
    const form = { 'Content-Type': 'application/x-www-form-urlencoded' }
    await expectError(await post('{}', form), 415, 'unsupported_media_type')
    await expectError(await post(' '.repeat(300_000)), 413, 'request_too_large')
  })
})

describe('GET /v1/topics', () => {
  test('lists topics by name', async () => {
    const names = [await topic(), await topic()]
    const { topics } = await (await request('GET', '/v1/topics')).json()
    const listed = topics.map((one) => one.name)
    expect(listed).toEqual(expect.arrayContaining(names))
    expect(listed).toEqual([...listed].sort())
  })

  test('may leave out the partitions of one topic', async () => {
    const name = await topic()
    const body = await (await request('GET', `/v1/topics/${name}?partitionDetails=false`)).json()
    expect(body.partitionDetails).toBeUndefined()
  })

  test('returns 404 for an unknown topic, and 400 for an invalid name', async () => {
    const error = await expectError(
      await request('GET', '/v1/topics/nowhere'),
      404,
      'unknown_topic_or_partition',
    )
    expect(error.retryable).toBe(false)
    await expectError(await request('GET', '/v1/topics/a%20b'), 400, 'invalid_topic')
    await expectError(await request('GET', '/v1/topics/a?x=1'), 400, 'invalid_request')
  })
})

describe('PATCH /v1/topics/{topic}', () => {
  test('adds partitions, which can be used at once', async () => {
    const name = await topic({ partitions: 1 })
    const records = `/v1/topics/${name}/partitions/2/records`
    const record = { json: { records: [{ value: 'x' }] } }
    await expectError(await request('POST', records, record), 404, 'unknown_topic_or_partition')
    const changed = await request('PATCH', `/v1/topics/${name}`, { json: { partitions: 3 } })
    expect(await changed.json()).toMatchObject({ name, partitions: 3 })
    expect((await request('POST', records, record)).status).toBe(200)
  })

  test('sets config, and resets a key to its default', async () => {
    const name = await topic({ config: { 'retention.ms': 1_000_000 } })
    const change = async (config: Record<string, unknown>) =>
      (await (await request('PATCH', `/v1/topics/${name}`, { json: { config } })).json()).config
    expect(await change({ 'retention.bytes': 5_000 })).toMatchObject({
      'retention.ms': 1_000_000,
      'retention.bytes': 5_000,
    })
    expect((await change({ 'retention.ms': null }))['retention.ms']).toBe(604_800_000)
  })

  test('rejects fewer partitions, an empty change, and unknown topics', async () => {
    const name = await topic({ partitions: 2 })
    const patch = (json: unknown) => request('PATCH', `/v1/topics/${name}`, { json })
    await expectError(await patch({ partitions: 1 }), 400, 'invalid_partitions')
    await expectError(await patch({ partitions: 2 }), 400, 'invalid_partitions')
    await expectError(await patch({}), 400, 'invalid_request')
    await expectError(await patch({ config: { nope: 1 } }), 400, 'invalid_config')
    await expectError(
      await request('PATCH', '/v1/topics/nowhere', { json: { partitions: 2 } }),
      404,
      'unknown_topic_or_partition',
    )
  })
})

describe('DELETE /v1/topics/{topic}', () => {
  test('deletes the topic; a recreated one with its name has another id, and is empty', async () => {
    const name = `again-${Date.now()}`
    const create = async () =>
      (await (await request('POST', '/v1/topics', { json: { name } })).json()).id
    const first = await create()
    const records = `/v1/topics/${name}/partitions/0/records`
    await request('POST', records, { json: { records: [{ value: 'old' }] } })
    expect((await request('DELETE', `/v1/topics/${name}`)).status).toBe(204)
    await expectError(await request('GET', records), 404, 'unknown_topic_or_partition')
    await expectError(
      await request('DELETE', `/v1/topics/${name}`),
      404,
      'unknown_topic_or_partition',
    )
    expect(await create()).not.toBe(first)
    expect(await (await request('GET', records)).json()).toMatchObject({
      records: [],
      nextOffset: 0,
    })
    await request('DELETE', `/v1/topics/${name}`)
  })
})

describe('POST /v1/topics/{topic}/partitions/{p}/delete-records', () => {
  const deleteBefore = (name: string, beforeOffset: unknown, partition: number | string = 0) =>
    request('POST', `/v1/topics/${name}/partitions/${partition}/delete-records`, {
      json: { beforeOffset },
    })

  test('moves the log start up, and never down', async () => {
    const name = await topic()
    const records = ['a', 'b', 'c'].map((value) => ({ value }))
    await request('POST', `/v1/topics/${name}/records`, { json: { records } })
    const starts: unknown[] = []
    for (const beforeOffset of [2, 1, 'latest']) {
      const response = await deleteBefore(name, beforeOffset)
      expect(response.status).toBe(200)
      starts.push(await response.json())
    }
    expect(starts).toEqual([2, 2, 3].map((logStartOffset) => ({ logStartOffset })))
    const path = `/v1/topics/${name}/partitions/0/records`
    await expectError(await request('GET', `${path}?offset=2`), 416, 'offset_out_of_range')
  })

  test('rejects what is no offset of the log, with the field', async () => {
    const name = await topic()
    for (const beforeOffset of [-1, 1.5, '1', 'earliest', null, undefined]) {
      const error = await expectError(
        await deleteBefore(name, beforeOffset),
        400,
        'invalid_request',
      )
      expect(error.message).toContain('beforeOffset')
    }
    await expectError(await deleteBefore(name, 1), 416, 'offset_out_of_range')
    await expectError(await deleteBefore(name, 0, 7), 404, 'unknown_topic_or_partition')
    await expectError(await deleteBefore('nowhere', 0), 404, 'unknown_topic_or_partition')
    const compacted = await topic({ config: { 'cleanup.policy': 'compact' } })
    await expectError(await deleteBefore(compacted, 0), 403, 'policy_violation')
  })
})

describe('any other request', () => {
  test('returns 404 for an unknown path, and 405 with the allowed methods for a known one', async () => {
    await expectError(await request('GET', '/v1/nothing'), 404, 'not_found')
    const response = await request('PUT', '/v1/topics')
    expect(response.headers.get('allow')).toBe('POST, GET, HEAD')
    await expectError(response, 405, 'method_not_allowed')
  })

  test('checks the health of the server, and returns its description', async () => {
    expect(await (await request('GET', '/healthz')).json()).toEqual({ status: 'ok' })
    const description = await (await request('GET', '/v1/openapi.json')).json()
    expect(description.openapi).toBe('3.1.0')
    const paths = Object.keys(description.paths).sort()
    // The routes of other APIs have tests of their own.
    expect(paths).toContain('/ksqldb/query-stream')
    expect(paths.filter((path) => !path.startsWith('/ksqldb'))).toEqual([
      '/healthz',
      '/kafka',
      '/v1/groups',
      '/v1/groups/{group}',
      '/v1/groups/{group}/heartbeat',
      '/v1/groups/{group}/offsets',
      '/v1/groups/{group}/offsets/reset',
      '/v1/openapi.json',
      '/v1/session',
      '/v1/sql',
      '/v1/streams',
      '/v1/streams/{application}',
      '/v1/streams/{application}/pause',
      '/v1/streams/{application}/reset',
      '/v1/streams/{application}/resume',
      '/v1/streams/{application}/stores/{store}',
      '/v1/streams/{application}/stores/{store}/{key}',
      '/v1/tail',
      '/v1/topics',
      '/v1/topics/{topicId}/partitions/{partition}/sealed/{offset}',
      '/v1/topics/{topic}',
      '/v1/topics/{topic}/partitions/{partition}/delete-records',
      '/v1/topics/{topic}/partitions/{partition}/records',
      '/v1/topics/{topic}/partitions/{partition}/restore',
      '/v1/topics/{topic}/partitions/{partition}/tier/rebuild',
      '/v1/topics/{topic}/partitions/{partition}/tier/verify',
      '/v1/topics/{topic}/records',
      '/v1/topics/{topic}/table',
      '/v1/topics/{topic}/table/{key}',
      '/v1/transactions',
      '/v1/transactions/{id}',
      '/v1/transactions/{id}/abort',
      '/v1/transactions/{id}/commit',
      '/v1/transactions/{id}/offsets',
    ])
    const produce = description.paths['/v1/topics/{topic}/records']?.post
    expect(Object.keys(produce?.requestBody.content ?? {})).toEqual([
      'application/json',
      'application/x-ndjson',
    ])
    expect(description.components.schemas.NewTopic?.required).toEqual(['name'])
  })
})
