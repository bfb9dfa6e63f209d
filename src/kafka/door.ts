/**
 * The Kafka door. Serves frames of Kafka's wire protocol: over TCP, where the runtime listens; over a WebSocket for
 * each connection of a client to a bridge; or by `POST /kafka`, where a network has no WebSockets.
 */
import { readBody } from '../app/body.ts'
import type { Door } from '../app/door.ts'
import { type AppContext, callerError } from '../app/env.ts'
import { errorResponses } from '../app/responses.ts'
import { type App, addRoute } from '../app/route.ts'
import { NoParams, NoQuery } from '../app/schemas.ts'
import { concatenate } from '../core/bytes/concatenate.ts'
import { EdgelogError } from '../core/errors.ts'
import {
  KAFKA_SESSION_CALLS_MAX_DEFAULT,
  KAFKA_UNAUTHORIZED_BYTES_MAX,
  REQUEST_BODY_BYTES_MAX,
} from '../core/limits.ts'
import { numberSetting } from '../events/number-setting.ts'
import { kafkaCallerOf } from './kafka-caller.ts'
import { KafkaSession } from './kafka-session.ts'
import { ResponseMemory } from './response-memory.ts'
import { cutFrames, serveFrames } from './serve-frames.ts'
import { newTcpPort } from './tcp-port.ts'

const PATH = '/kafka'
const KAFKA_SUBPROTOCOL = 'edgelog.kafka.v1'
const MEDIA_TYPE = 'application/vnd.edgelog.kafka'
const FRAMES = { schema: { type: 'string', format: 'binary' } } as const

export const kafkaDoor: Door = {
  name: 'kafka',
  bindings: ['PARTITION', 'COORDINATOR', 'GROUP'],
  // Frames authenticate by SASL: `serveFrames` decides which frames it serves before that.
  openPaths: [PATH],
  mount: (app) => {
    const responses = new ResponseMemory()
    addSessionRoute(app, responses)
    addFramesRoute(app)
    return newTcpPort(responses)
  },
}

function addSessionRoute(app: App, responses: ResponseMemory): void {
  addRoute(
    app,
    {
      method: 'get',
      path: PATH,
      summary: "Carry a connection of Kafka's wire protocol over a WebSocket",
      description: 'The messages are in docs/PROTOCOL.md.',
      responses: { 101: { description: 'Switched to frames' }, ...errorResponses() },
    },
    { params: NoParams, query: NoQuery },
    async (c) => {
      const refusal = callerError(c)
      if (refusal !== undefined) throw refusal
      if (c.req.header('upgrade')?.toLowerCase() !== 'websocket') {
        throw new EdgelogError('invalid_request', 'Upgrade: websocket is needed')
      }
      const pair = new WebSocketPair()
      const callsMax = numberSetting(
        'EDGELOG_SESSION_CALLS_MAX',
        c.env.EDGELOG_SESSION_CALLS_MAX,
        KAFKA_SESSION_CALLS_MAX_DEFAULT,
      )
      new KafkaSession(pair[1], kafkaCallerOf(c, true), callsMax, responses).open()
      const offered = (c.req.header('sec-websocket-protocol') ?? '').split(',')
      const isNamed = offered.some((protocol) => protocol.trim() === KAFKA_SUBPROTOCOL)
      const headers = isNamed ? { 'Sec-WebSocket-Protocol': KAFKA_SUBPROTOCOL } : undefined
      return new Response(null, { status: 101, webSocket: pair[0], ...(headers && { headers }) })
    },
  )
}

function addFramesRoute(app: App): void {
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
      const responses = serveFrames(frames, kafkaCallerOf(c, false))
      // Most requests are one frame, and a stream would cost more than its response.
      const body = frames.length === 1 ? await wholeOf(responses) : streamOf(responses)
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
