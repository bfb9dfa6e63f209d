/**
 * Serves Kafka's request frames one after the other, as a broker does for each of its connections.
 *
 *   frame    int32 size | header | body
 *   close    int32 -1                       after the last response: a broker would close the connection now
 */
import { ByteReader } from '../core/bytes/byte-reader.ts'
import { ByteWriter } from '../core/bytes/byte-writer.ts'
import { DecodeError } from '../core/bytes/decode-error.ts'
import { EdgelogError } from '../core/errors.ts'
import { readRequestHeader, writeResponseHeader } from '../core/kafka/request-header.ts'
import { isServed } from '../core/kafka/schema.ts'
import { KAFKA_FRAMES_MAX } from '../core/limits.ts'
import { report } from '../events/report.ts'
import { API_VERSIONS, appendUnsupportedVersion } from './apis/api-versions.ts'
import { apiOf, isOpenToAll } from './apis.ts'
import type { KafkaCall } from './handled.ts'

const SIZE_BYTES = 4
const CLOSE = new Uint8Array(SIZE_BYTES).fill(0xff)

/** The fields that all frames of a request share. */
export type KafkaCaller = Omit<KafkaCall, 'version' | 'clientId' | 'close'>

/**
 * Splits the body of one request into frames.
 *
 * @throws {EdgelogError} `invalid_request` if a frame is incomplete, or if there are too many.
 */
export function cutFrames(body: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = []
  const reader = new ByteReader(body)
  try {
    while (reader.remaining > 0) frames.push(reader.bytes(reader.int32()))
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause
    throw new EdgelogError('invalid_request', `body: frame ${frames.length} is incomplete`, {
      cause,
    })
  }
  if (frames.length > 0 && frames.length <= KAFKA_FRAMES_MAX) return frames
  throw new EdgelogError(
    'invalid_request',
    `body: 1 to ${KAFKA_FRAMES_MAX} frames are allowed, got ${frames.length}`,
  )
}

/** Yields the responses as they complete. After `CLOSE` the remaining frames are ignored. */
export async function* serveFrames(
  frames: readonly Uint8Array[],
  caller: KafkaCaller,
): AsyncGenerator<Uint8Array> {
  for (const frame of frames) {
    let mustClose = false
    let answer: Uint8Array | undefined
    try {
      answer = await serveFrame(frame, caller, () => {
        mustClose = true
      })
    } catch (error) {
      // Like a broker, it closes the connection for an unreadable request. After other errors clients retry.
      mustClose = true
      if (!(error instanceof DecodeError || error instanceof EdgelogError)) {
        report({ type: 'kafka_request_failed', error })
      }
    }
    if (answer !== undefined) yield answer
    if (!mustClose) continue
    yield CLOSE
    return
  }
}

async function serveFrame(
  frame: Uint8Array,
  caller: KafkaCaller,
  close: () => void,
): Promise<Uint8Array | undefined> {
  const reader = new ByteReader(frame)
  const header = readRequestHeader(reader, (key) => apiOf(key)?.messages)
  const { apiKey, apiVersion: version, correlationId } = header
  const api = apiOf(apiKey)
  if (api === undefined || (!caller.isAuthorized && !isOpenToAll(apiKey))) {
    close()
    return undefined
  }
  if (!isServed(api.messages, version)) {
    // KIP-511: the response tells the client which versions are served.
    if (apiKey !== API_VERSIONS.key) {
      close()
      return undefined
    }
    const writer = beginFrame()
    appendUnsupportedVersion(writer, correlationId)
    return endFrame(writer)
  }
  const call = { ...caller, version, clientId: header.clientId ?? '', close }
  const writer = await api.answer(reader, call, () => {
    const begun = beginFrame()
    writeResponseHeader(begun, api.messages, version, correlationId)
    return begun
  })
  return writer && endFrame(writer)
}

function beginFrame(): ByteWriter {
  const writer = new ByteWriter()
  writer.int32(0)
  return writer
}

function endFrame(writer: ByteWriter): Uint8Array {
  writer.patchInt32(0, writer.position - SIZE_BYTES)
  return writer.toView()
}
