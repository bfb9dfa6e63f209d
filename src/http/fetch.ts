/** The route that reads one partition. */

import { brokerOf } from '../app/env.ts'
import { negotiate } from '../app/negotiate.ts'
import { jsonResponses } from '../app/responses.ts'
import { type App, addRoute } from '../app/route.ts'
import type { FetchedBatches, FetchOptions } from '../broker/fetch.ts'
import { recordToJson } from '../core/batch/json-record.ts'
import { EdgelogError } from '../core/errors.ts'
import { sealedPath } from '../core/log/sealed.ts'
import { FetchQuery, FetchResponse, MEDIA_TYPES, PartitionParams } from './schemas.ts'

export function addFetchRoutes(app: App): void {
  addRoute(
    app,
    {
      method: 'get',
      path: '/v1/topics/{topic}/partitions/{partition}/records',
      summary: 'Read a partition from an offset or a time',
      responses: jsonResponses(200, FetchResponse, 'Records, and the next offset', [
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
      const broker = brokerOf(c)
      if (mediaType === MEDIA_TYPES.batch) {
        const { batches, ...position } = await broker.records.fetchBatches(
          topic,
          partition,
          options,
        )
        const headers = { ...positionHeaders(position, partition), 'Content-Type': mediaType }
        return new Response(batches as Uint8Array<ArrayBuffer>, { headers })
      }
      const { records, ...position } = await broker.records.fetchRecords(topic, partition, options)
      const json = records.map(recordToJson)
      if (mediaType === MEDIA_TYPES.ndjson) {
        const lines = json.map((record) => `${JSON.stringify(record)}\n`).join('')
        return new Response(lines, {
          headers: { ...positionHeaders(position, partition), 'Content-Type': mediaType },
        })
      }
      const { from, to, highWatermark, lastStableOffset, logStartOffset } = position
      const ends = { highWatermark, lastStableOffset, logStartOffset }
      const sealed = sealedPathOf(position, partition)
      const { tombstonesGoneBelow } = position
      const response = {
        ...{ records: json, offset: from, nextOffset: to, ...ends },
        ...{ tombstonesGoneBelow, sealed },
      }
      return c.json(response, 200, positionHeaders(position, partition))
    },
  )
}

type Position = Omit<FetchedBatches, 'batches' | 'topicVersion'>

/** Returns the path of the sealed chunk that holds `from`; undefined if none does. */
function sealedPathOf({ topicId, sealedOffset }: Position, partition: number): string | undefined {
  return sealedOffset === undefined ? undefined : sealedPath(topicId, partition, sealedOffset)
}

function positionHeaders(position: Position, partition: number): Record<string, string> {
  const sealed = sealedPathOf(position, partition)
  return {
    ...(sealed !== undefined && { 'Edgelog-Sealed': sealed }),
    ...(position.tombstonesGoneBelow !== undefined && {
      'Edgelog-Tombstones-Gone-Below': String(position.tombstonesGoneBelow),
    }),
    'Edgelog-Offset': String(position.from),
    'Edgelog-Next-Offset': String(position.to),
    'Edgelog-High-Watermark': String(position.highWatermark),
    'Edgelog-Last-Stable-Offset': String(position.lastStableOffset),
    'Edgelog-Log-Start-Offset': String(position.logStartOffset),
  }
}
