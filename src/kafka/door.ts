/** The Kafka door. `POST /kafka` serves frames of Kafka's wire protocol, which the bridge carries over HTTP. */

import type { EdgelogEnv } from '../app/bindings.ts'
import { readBody } from '../app/body.ts'
import type { Door } from '../app/door.ts'
import { type AppContext, brokerOf, callerError } from '../app/env.ts'
import { errorResponses } from '../app/responses.ts'
import { type App, addRoute } from '../app/route.ts'
import { NoParams, NoQuery } from '../app/schemas.ts'
import { concatenate } from '../core/bytes/concatenate.ts'
import { EdgelogError } from '../core/errors.ts'
import {
  KAFKA_UNAUTHORIZED_BYTES_MAX,
  OFFSETS_RETENTION_MINUTES_DEFAULT,
  PARTITIONS_MAX,
  REQUEST_BODY_BYTES_MAX,
  RETENTION_CHECK_INTERVAL_MS_DEFAULT,
} from '../core/limits.ts'
import { numberSetting } from '../events/number-setting.ts'
import type { HostAndPort, KafkaSettings } from './handled.ts'
import { cutFrames, serveFrames } from './serve-frames.ts'

const PATH = '/kafka'
const MEDIA_TYPE = 'application/vnd.edgelog.kafka'
/** Kafka's default. */
const NUM_PARTITIONS_DEFAULT = 1
const PORT_DEFAULT = 9092
const PORT_MAX = 65_535
const FRAMES = { schema: { type: 'string', format: 'binary' } } as const

export const kafkaDoor: Door = {
  name: 'kafka',
  bindings: ['PARTITION', 'COORDINATOR', 'GROUP'],
  // Frames authenticate by SASL: `serveFrames` decides which frames it serves before that.
  openPaths: [PATH],
  mount: addKafkaRoute,
}

function addKafkaRoute(app: App): void {
  addRoute(
    app,
    {
      method: 'post',
      path: PATH,
      summary: "Send frames of Kafka's wire protocol, as the bridge does",
      body: { content: { [MEDIA_TYPE]: FRAMES } },
      responses: {
        200: {
          description: 'The responses in the order of the frames, each sent when it is ready',
          content: { [MEDIA_TYPE]: FRAMES },
        },
        ...errorResponses(),
      },
    },
    { params: NoParams, query: NoQuery },
    async (c) => {
      const refusal = callerError(c)
      const frames = cutFrames(await readFrames(c, refusal))
      const answers = serveFrames(frames, {
        broker: brokerOf(c),
        clientHost: clientHostOf(c),
        address: addressOf(c),
        settings: settingsOf(c.env),
        isAuthorized: refusal === undefined,
      })
      // Most requests are one frame, and a stream would cost more than its response.
      const body = frames.length === 1 ? await wholeOf(answers) : streamOf(answers)
      return new Response(body, { headers: { 'content-type': MEDIA_TYPE } })
    },
  )
}

/**
 * Reads the body. A rejected caller may send only SASL frames, so the limit for its body is low.
 *
 * @throws {EdgelogError} `request_too_large`, or the error of the caller.
 */
async function readFrames(c: AppContext, refusal: EdgelogError | undefined): Promise<Uint8Array> {
  if (refusal === undefined) return await readBody(c, REQUEST_BODY_BYTES_MAX)
  if (Number(c.req.header('content-length') ?? 0) > KAFKA_UNAUTHORIZED_BYTES_MAX) throw refusal
  try {
    return await readBody(c, KAFKA_UNAUTHORIZED_BYTES_MAX)
  } catch (error) {
    const isTooLarge = error instanceof EdgelogError && error.code === 'request_too_large'
    throw isTooLarge ? refusal : error
  }
}

async function wholeOf(answers: AsyncGenerator<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const part of answers) parts.push(part)
  return concatenate(parts)
}

function streamOf(answers: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      const { value, done } = await answers.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    async cancel() {
      await answers.return(undefined)
    },
  })
}

/** Returns the client's IP address. A group stores it for its members, so anything else is dropped. */
function clientHostOf(c: AppContext): string {
  const given = c.req.header('edgelog-kafka-client') ?? ''
  return /^[0-9a-f.:%]{0,64}$/i.test(given) ? given : ''
}

/** Returns the address that clients connect to; the bridge sends its own address. */
function addressOf(c: AppContext): HostAndPort {
  const given = c.req.header('edgelog-kafka-address') ?? ''
  const match = /^(\[[0-9a-f:.%]+\]|[\w.-]{1,255}):(\d{1,5})$/i.exec(given)
  const [, host = '', port] = match ?? []
  const isAddress = Number(port) >= 1 && Number(port) <= PORT_MAX
  if (isAddress) return { host: withoutBrackets(host), port: Number(port) }
  return { host: withoutBrackets(new URL(c.req.url).hostname), port: PORT_DEFAULT }
}

function withoutBrackets(host: string): string {
  return host.replaceAll(/[[\]]/g, '')
}

/** Returns Kafka's broker configs that a deployment may set. */
function settingsOf(env: EdgelogEnv): KafkaSettings {
  return {
    autoCreateTopics: env.EDGELOG_AUTO_CREATE_TOPICS !== 'false',
    numPartitions: numberSetting(
      'EDGELOG_NUM_PARTITIONS',
      env.EDGELOG_NUM_PARTITIONS,
      NUM_PARTITIONS_DEFAULT,
      PARTITIONS_MAX,
    ),
    offsetsRetentionMinutes: numberSetting(
      'EDGELOG_OFFSETS_RETENTION_MINUTES',
      env.EDGELOG_OFFSETS_RETENTION_MINUTES,
      OFFSETS_RETENTION_MINUTES_DEFAULT,
    ),
    retentionCheckIntervalMs: numberSetting(
      'EDGELOG_LOG_RETENTION_CHECK_INTERVAL_MS',
      env.EDGELOG_LOG_RETENTION_CHECK_INTERVAL_MS,
      RETENTION_CHECK_INTERVAL_MS_DEFAULT,
    ),
  }
}
