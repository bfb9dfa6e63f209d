/** The routes that append records. */
import type { z } from '@hono/zod-openapi'
import { mediaTypeOf, readBody, readText, unsupportedMediaType } from '../app/body.ts'
import { type AppContext, brokerOf } from '../app/env.ts'
import { jsonResponses, okJson } from '../app/responses.ts'
import { type App, addRoute, parseWith } from '../app/route.ts'
import { NoQuery } from '../app/schemas.ts'
import type { ProduceRecord } from '../broker/record-shares.ts'
import {
  JSON_RECORD_FORM,
  type JsonRecordInput,
  recordFromJson,
} from '../core/batch/json-record.ts'
import { EdgelogError } from '../core/errors.ts'
import { type JsonForm, parseExactJson } from '../core/json/exact-json.ts'
import { OFFSET_MAX, REQUEST_BODY_BYTES_MAX, REQUEST_RECORDS_MAX } from '../core/limits.ts'
import {
  BatchResponse,
  MEDIA_TYPES,
  OffsetsResponse,
  PartitionParams,
  PartitionRecordBody,
  produceBody,
  TopicParams,
  TopicRecordBody,
} from './schemas.ts'
import { TransactionalIdText } from './transactions/one-shot-schemas.ts'

const TopicProduceBody = produceBody(TopicRecordBody)
const PartitionProduceBody = produceBody(PartitionRecordBody)

const PRODUCE_FORM: JsonForm = { fields: new Map([['records', { each: JSON_RECORD_FORM }]]) }
/** JSON white space only; `trim` would remove more. */
const EMPTY_LINE = /^[ \t\r]*$/

export function addProduceRoutes(app: App): void {
  addRoute(
    app,
    {
      method: 'post',
      path: '/v1/topics/{topic}/records',
      summary: 'Append records; a key chooses the partition',
      body: {
        content: {
          [MEDIA_TYPES.json]: { schema: TopicProduceBody },
          [MEDIA_TYPES.ndjson]: { schema: TopicRecordBody },
        },
      },
      responses: jsonResponses(
        200,
        OffsetsResponse,
        'Durable; offsets in the order of the records',
      ),
    },
    { params: TopicParams, query: NoQuery },
    async (c, { params }) => {
      refuseIfMatch(c)
      const records = await readRecords(c, TopicRecordBody, TopicProduceBody, [
        MEDIA_TYPES.json,
        MEDIA_TYPES.ndjson,
      ])
      return okJson(c, { offsets: await brokerOf(c).records.produce(params.topic, records) })
    },
  )

  addRoute(
    app,
    {
      method: 'post',
      path: '/v1/topics/{topic}/partitions/{partition}/records',
      summary: 'Append to one partition, all records or none',
      description:
        'With `If-Match: "<offset>"` records are appended only if that is the next offset; otherwise 412.',
      body: {
        content: {
          [MEDIA_TYPES.json]: { schema: PartitionProduceBody },
          [MEDIA_TYPES.ndjson]: { schema: PartitionRecordBody },
          [MEDIA_TYPES.batch]: { schema: { type: 'string', format: 'binary' } },
        },
      },
      responses: jsonResponses(200, OffsetsResponse.or(BatchResponse), 'Durable'),
    },
    { params: PartitionParams, query: NoQuery },
    async (c, { params: { topic, partition } }) => {
      const expectedOffset = parseIfMatch(c.req.header('if-match'))
      const options = expectedOffset === undefined ? {} : { expectedOffset }
      const broker = brokerOf(c)
      const transactionalId = transactionalIdOf(c)
      if (mediaTypeOf(c) === MEDIA_TYPES.batch) {
        const batches = await readBody(c, REQUEST_BODY_BYTES_MAX)
        const response =
          transactionalId === undefined
            ? await broker.records.appendBatches(
                { name: topic },
                partition,
                batches,
                'resendable',
                options,
              )
            : await broker.transactions.appendBatches(transactionalId, topic, partition, batches)
        const { baseOffsets, nextOffset, logAppendTime, pieces } = response
        return okJson(c, {
          baseOffset: baseOffsets[0],
          nextOffset,
          baseOffsets,
          logAppendTime,
          ...(pieces !== undefined && { pieces }),
        })
      }
      const records = await readRecords(
        c,
        PartitionRecordBody,
        PartitionProduceBody,
        Object.values(MEDIA_TYPES).slice(0, 3),
      )
      const offsets = await broker.records.produceToPartition(topic, partition, records, options)
      return okJson(c, { offsets })
    },
  )
}

type ProduceBody = z.ZodType<{ records: JsonRecordInput[] }>

/**
 * Reads the records of a body.
 *
 * @throws {EdgelogError} for anything but one or more records; then nothing was appended.
 */
async function readRecords(
  c: AppContext,
  record: z.ZodType<JsonRecordInput>,
  body: ProduceBody,
  allowed: readonly string[],
): Promise<ProduceRecord[]> {
  const mediaType = mediaTypeOf(c)
  if (mediaType !== MEDIA_TYPES.json && mediaType !== MEDIA_TYPES.ndjson) {
    throw unsupportedMediaType(c, allowed)
  }
  const text = await readText(c, REQUEST_BODY_BYTES_MAX)
  const inputs =
    mediaType === MEDIA_TYPES.json
      ? parseWith(body, parseExactJson(text, '', PRODUCE_FORM)).records
      : parseLines(text, record)
  const nowMs = Date.now()
  return inputs.map((input, index) => {
    const { timestamp, key, value, headers } = recordFromJson(input, nowMs, `records[${index}]`)
    return { timestamp, key, value, headers, partition: input.partition }
  })
}

/** Parses one record per line; skips empty lines. */
function parseLines(text: string, record: z.ZodType<JsonRecordInput>): JsonRecordInput[] {
  const inputs: JsonRecordInput[] = []
  let end: number
  for (let from = 0; from < text.length; from = end + 1) {
    end = text.indexOf('\n', from)
    if (end === -1) end = text.length
    const line = text.slice(from, end)
    if (EMPTY_LINE.test(line)) continue
    if (inputs.length === REQUEST_RECORDS_MAX) {
      throw new EdgelogError(
        'invalid_request',
        `records: at most ${REQUEST_RECORDS_MAX} records are allowed`,
      )
    }
    const field = `records[${inputs.length}]`
    inputs.push(parseWith(record, parseExactJson(line, field, JSON_RECORD_FORM), field))
  }
  if (inputs.length > 0) return inputs
  throw new EdgelogError('invalid_request', 'records: at least one record is needed')
}

function parseIfMatch(header: string | undefined): number | undefined {
  if (header === undefined) return undefined
  const offset = Number(/^"(\d{1,16})"$/.exec(header.trim())?.[1] ?? Number.NaN)
  if (offset <= OFFSET_MAX) return offset
  throw new EdgelogError('invalid_request', 'If-Match: one offset in quotes is allowed, e.g. "42"')
}

/** Returns the transactional id of the batches in the body; undefined if they belong to no transaction. */
function transactionalIdOf(c: AppContext): string | undefined {
  const id = c.req.header('edgelog-transaction')
  if (id === undefined) return undefined
  if (mediaTypeOf(c) !== MEDIA_TYPES.batch || c.req.header('if-match') !== undefined) {
    const why = 'allowed only for record batches without If-Match'
    throw new EdgelogError('invalid_request', `Edgelog-Transaction: ${why}`)
  }
  return parseWith(TransactionalIdText, id, 'Edgelog-Transaction')
}

function refuseIfMatch(c: AppContext): void {
  if (c.req.header('if-match') === undefined) return
  throw new EdgelogError(
    'invalid_request',
    'If-Match: not allowed here, because an offset belongs to one partition; use /v1/topics/{topic}/partitions/{partition}/records',
  )
}
