/** The routes that check and rebuild what a topic has in R2. */
import { readJson } from '../app/body.ts'
import { brokerOf } from '../app/env.ts'
import { jsonResponses } from '../app/responses.ts'
import { type App, addRoute, parseWith } from '../app/route.ts'
import { NoQuery } from '../app/schemas.ts'
import { ADMIN_BODY_BYTES_MAX } from '../core/limits.ts'
import {
  MEDIA_TYPES,
  PartitionParams,
  TierRebuildQuery,
  TierRebuildResponse,
  TierVerifyBody,
  TierVerifyResponse,
} from './schemas.ts'

export function addTierRoutes(app: App): void {
  addRoute(
    app,
    {
      method: 'post',
      path: '/v1/topics/{topic}/partitions/{partition}/tier/verify',
      summary: 'Check the objects of a partition in R2',
      body: { content: { [MEDIA_TYPES.json]: { schema: TierVerifyBody } } },
      responses: jsonResponses(200, TierVerifyResponse, 'Some objects were checked'),
    },
    { params: PartitionParams, query: NoQuery },
    async (c, { params: { topic, partition } }) => {
      const options = parseWith(TierVerifyBody, await readJson(c, ADMIN_BODY_BYTES_MAX))
      return c.json(await brokerOf(c).records.verifyRemote(topic, partition, options))
    },
  )

  addRoute(
    app,
    {
      method: 'post',
      path: '/v1/topics/{topic}/partitions/{partition}/tier/rebuild',
      summary: 'Make the lost rows of a partition again from its objects in R2',
      responses: jsonResponses(200, TierRebuildResponse, 'Some objects are part of the log again'),
    },
    { params: PartitionParams, query: TierRebuildQuery },
    async (c, { params: { topic, partition }, query: { beforeOffset } }) =>
      c.json(await brokerOf(c).records.rebuildRemote(topic, partition, beforeOffset)),
  )
}
