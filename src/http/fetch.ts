/** The route that reads one partition, and the negotiation of what it answers in. */
import { accepts } from 'hono/accepts'
import { type FetchOptions, fetchBatches, fetchRecords } from '../broker/fetch.ts'
import { recordToJson } from '../core/batch/json-record.ts'
import { EdgelogError } from '../core/errors.ts'
import type { FetchReply } from '../core/log/partition-api.ts'
import { jsonResponses } from './answers.ts'
import { type AppContext, clusterOf } from './env.ts'
import { type App, addRoute } from './route.ts'
import { FetchAnswer, FetchQuery, MEDIA_TYPES, PartitionParams } from './schemas.ts'

export function addFetchRoutes(app: App): void {
  addRoute(
    app,
    {
      method: 'get',
      path: '/v1/topics/{topic}/partitions/{partition}/records',
      summary: 'Read a partition from an offset or a time on',
      responses: jsonResponses(200, FetchAnswer, 'Records, and where to go on', [
        MEDIA_TYPES.ndjson,
        MEDIA_TYPES.batch,
      ]),
    },
    { params: PartitionParams, query: FetchQuery },
    async (c, { params: { topic, partition }, query }) => {
      const mediaType = negotiate(c, [MEDIA_TYPES.json, MEDIA_TYPES.ndjson, MEDIA_TYPES.batch])
      const { offset, timestamp, maxBytes, minBytes, waitMs, isolation } = query
      if (offset !== undefined && timestamp !== undefined) {
        throw new EdgelogError('invalid_request', 'timestamp: cannot be combined with offset')
      }
      const options: FetchOptions = {
        from: timestamp === undefined ? { offset: offset ?? 'earliest' } : { timestamp },
        maxBytes,
        minBytes,
        maxWaitMs: waitMs,
        isolation,
      }
      const cluster = clusterOf(c)
      if (mediaType === MEDIA_TYPES.batch) {
        const { batches, ...position } = await fetchBatches(cluster, topic, partition, options)
        const headers = { ...positionHeaders(position), 'Content-Type': mediaType }
        return new Response(batches as Uint8Array<ArrayBuffer>, { headers })
      }
      const { records, ...position } = await fetchRecords(cluster, topic, partition, options)
      const json = records.map(recordToJson)
      if (mediaType === MEDIA_TYPES.ndjson) {
        const lines = json.map((record) => `${JSON.stringify(record)}\n`).join('')
        return new Response(lines, {
          headers: { ...positionHeaders(position), 'Content-Type': mediaType },
        })
      }
      const { from, to, highWatermark, lastStableOffset, logStartOffset } = position
      const ends = { highWatermark, lastStableOffset, logStartOffset }
      const answer = { records: json, offset: from, nextOffset: to, ...ends }
      return c.json(answer, 200, positionHeaders(position))
    },
  )
}

/** @throws {EdgelogError} `not_acceptable`. */
export function negotiate<MediaType extends string>(
  c: AppContext,
  offered: readonly [MediaType, ...MediaType[]],
): MediaType {
  const chosen = accepts(c, {
    header: 'Accept',
    supports: [...offered],
    default: offered[0],
    match: (wanted) => {
      const byQuality = [...wanted].filter(({ q }) => q > 0).sort((a, b) => b.q - a.q)
      for (const { type } of byQuality) {
        const match = offered.find((mediaType) => matches(type.toLowerCase(), mediaType))
        if (match !== undefined) return match
      }
      return wanted.length === 0 ? offered[0] : ''
    },
  })
  const match = offered.find((mediaType) => mediaType === chosen)
  if (match !== undefined) return match
  throw new EdgelogError('not_acceptable', `Accept: ${offered.join(' or ')} is offered`)
}

function matches(range: string, mediaType: string): boolean {
  if (range === '*/*' || range === mediaType) return true
  return range.endsWith('/*') && mediaType.startsWith(range.slice(0, -1))
}

function positionHeaders(position: Omit<FetchReply, 'batches' | 'topicVersion'>) {
  return {
    'Edgelog-Offset': String(position.from),
    'Edgelog-Next-Offset': String(position.to),
    'Edgelog-High-Watermark': String(position.highWatermark),
    'Edgelog-Last-Stable-Offset': String(position.lastStableOffset),
    'Edgelog-Log-Start-Offset': String(position.logStartOffset),
  }
}
