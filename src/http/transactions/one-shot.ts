/** The route that makes a transaction in one call. */
import type { z } from '@hono/zod-openapi'
import { mediaTypeOf, readText, unsupportedMediaType } from '../../app/body.ts'
import { brokerOf } from '../../app/env.ts'
import { jsonResponses } from '../../app/responses.ts'
import { type App, addRoute, parseWith } from '../../app/route.ts'
import { NoParams, NoQuery } from '../../app/schemas.ts'
import type { ExpectedOffset, GroupOffsets, OneShotRecord } from '../../broker/one-shot.ts'
import { JSON_RECORD_FORM, recordFromJson } from '../../core/batch/json-record.ts'
import { EdgelogError } from '../../core/errors.ts'
import { parseGroupId } from '../../core/group/group-id.ts'
import { type JsonForm, parseExactJson } from '../../core/json/exact-json.ts'
import { REQUEST_BODY_BYTES_MAX } from '../../core/limits.ts'
import { parseTopicName } from '../../core/topic/topic-name.ts'
import { committingMember, parseOffset } from '../group-offsets.ts'
import { MEDIA_TYPES } from '../schemas.ts'
import { type GroupCommit, OneShotBody, OneShotResponse } from './one-shot-schemas.ts'

const FORM: JsonForm = { fields: new Map([['records', { each: JSON_RECORD_FORM }]]) }

export function addOneShotRoute(app: App): void {
  addRoute(
    app,
    {
      method: 'post',
      path: '/v1/transactions',
      summary: 'Append records and commit offsets in one transaction',
      body: { content: { [MEDIA_TYPES.json]: { schema: OneShotBody } } },
      responses: jsonResponses(200, OneShotResponse, 'Committed'),
    },
    { params: NoParams, query: NoQuery },
    async (c) => {
      if (mediaTypeOf(c) !== MEDIA_TYPES.json) throw unsupportedMediaType(c, [MEDIA_TYPES.json])
      const text = await readText(c, REQUEST_BODY_BYTES_MAX)
      const body = parseWith(OneShotBody, parseExactJson(text, '', FORM))
      if (body.records.length === 0 && body.offsets.length === 0) {
        throw new EdgelogError(
          'invalid_request',
          'records: at least one record or offset is needed',
        )
      }
      const { id = crypto.randomUUID() } = body
      const { offsets, isVisible } = await brokerOf(c).transactions.makeOneShot({
        id,
        bodyHash: body.id === undefined ? undefined : await sha256(text),
        records: recordsOf(body),
        offsets: body.offsets.map(groupOffsetsOf),
        expectations: expectationsOf(body),
      })
      return c.json({ id, state: 'committed' as const, visible: isVisible, offsets })
    },
  )
}

type Body = z.output<typeof OneShotBody>

function recordsOf({ records }: Body): OneShotRecord[] {
  const nowMs = Date.now()
  return records.map((input, index) => {
    const field = `records[${index}]`
    const { timestamp, key, value, headers } = recordFromJson(input, nowMs, field)
    const topic = parseTopicName(input.topic, `${field}.topic`)
    return { topic, timestamp, key, value, headers, partition: input.partition }
  })
}

function groupOffsetsOf(commit: z.output<typeof GroupCommit>, index: number): GroupOffsets {
  const field = `offsets[${index}]`
  return {
    groupId: parseGroupId(commit.group, `${field}.group`),
    member: committingMember(commit),
    offsets: commit.offsets.map((one, at) => parseOffset(one, `${field}.offsets[${at}]`)),
  }
}

function expectationsOf({ expect }: Body): ExpectedOffset[] {
  return expect.map(({ topic, partition, nextOffset }, index) => {
    return { topic: parseTopicName(topic, `expect[${index}].topic`), partition, nextOffset }
  })
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
