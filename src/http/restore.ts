/** The route that restores records at the offsets that they had in another log. */
import { mediaTypeOf, readBody, unsupportedMediaType } from '../app/body.ts'
import { brokerOf } from '../app/env.ts'
import { jsonResponses, okJson } from '../app/responses.ts'
import { type App, addRoute, parseWith } from '../app/route.ts'
import { NoQuery } from '../app/schemas.ts'
import { REQUEST_BODY_BYTES_MAX } from '../core/limits.ts'
import { MEDIA_TYPES, PartitionParams, RestoreHeaders, RestoreResponse } from './schemas.ts'

export function addRestoreRoute(app: App): void {
  addRoute(
    app,
    {
      method: 'post',
      path: '/v1/topics/{topic}/partitions/{partition}/restore',
      summary: 'Append record batches of another log at the offsets that they had there',
      description:
        'Needs the headers `Edgelog-Source`, `Edgelog-Offset` and `Edgelog-Next-Offset`: the id of the topic that the batches come from, and the range of offsets that they cover.',
      body: {
        content: { [MEDIA_TYPES.batch]: { schema: { type: 'string', format: 'binary' } } },
      },
      responses: jsonResponses(200, RestoreResponse, 'Durable'),
    },
    { params: PartitionParams, query: NoQuery },
    async (c, { params: { topic, partition } }) => {
      if (mediaTypeOf(c) !== MEDIA_TYPES.batch) throw unsupportedMediaType(c, [MEDIA_TYPES.batch])
      const batches = await readBody(c, REQUEST_BODY_BYTES_MAX)
      const given = {
        'Edgelog-Source': c.req.header('edgelog-source'),
        'Edgelog-Offset': c.req.header('edgelog-offset'),
        'Edgelog-Next-Offset': c.req.header('edgelog-next-offset'),
      }
      const headers = parseWith(RestoreHeaders, given)
      const ends = await brokerOf(c).records.restore(topic, partition, {
        sourceId: headers['Edgelog-Source'],
        from: headers['Edgelog-Offset'],
        to: headers['Edgelog-Next-Offset'],
        batches,
      })
      const { logStartOffset, highWatermark } = ends
      return okJson(c, { logStartOffset, nextOffset: highWatermark })
    },
  )
}
