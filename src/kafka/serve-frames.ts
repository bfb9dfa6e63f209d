/**
 * Serves Kafka's request frames one after the other, as a broker does for each of its connections.
 *
 *   frame    int32 size | header | body
 *   close    int32 -1                       after the last response: a broker would close the connection now
 */
import { ByteReader } from '../core/bytes/byte-reader.ts'
import { DecodeError } from '../core/bytes/decode-error.ts'
import { PartsWriter } from '../core/bytes/parts-writer.ts'
import { EdgelogError } from '../core/errors.ts'
import { readRequestHeader, writeResponseHeader } from '../core/kafka/request-header.ts'
import { isServed } from '../core/kafka/schema.ts'
import { KAFKA_FRAMES_MAX } from '../core/limits.ts'
import { report } from '../events/report.ts'
import { API_VERSIONS, appendUnsupportedVersion } from './apis/api-versions.ts'
import { apiOf, isOpenToAll } from './apis.ts'
import type { KafkaCall, Started } from './handled.ts'

const SIZE_BYTES = 4
const KEY_BYTES = 2
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

/** A frame whose order among the others of its connection is decided. Never rejects. */
export interface StartedFrame {
  readonly response: Promise<ServedFrame>
}

export interface ServedFrame {
  /** The response frame in parts, which are views of what was read; none if Kafka sends no response. */
  readonly parts: readonly Uint8Array[]
  /** True if a broker would close the connection after the response. */
  readonly mustClose: boolean
}

/** Yields the responses as they complete. After `CLOSE` the remaining frames are ignored. */
export async function* serveFrames(
  frames: readonly Uint8Array[],
  caller: KafkaCaller,
): AsyncGenerator<Uint8Array> {
  const open: StartedFrame[] = []
  let next = 0
  for (;;) {
    const frame = frames[next]
    if (frame !== undefined && (open.length === 0 || mayOvertake(frame, frames[next - 1]))) {
      open.push(await startFrame(frame, caller))
      next++
      continue
    }
    const oldest = open.shift()
    if (oldest === undefined) return
    const { parts, mustClose } = await oldest.response
    yield* parts
    if (!mustClose) continue
    yield CLOSE
    return
  }
}

/** Returns whether a frame may start before the previous one has its response; others may close the connection. */
export function mayOvertake(frame: Uint8Array, previous: Uint8Array | undefined): boolean {
  return isPipelined(frame) && previous !== undefined && isPipelined(previous)
}

function isPipelined(frame: Uint8Array): boolean {
  return apiOf(apiKeyOf(frame))?.isPipelined === true
}

/** Returns the key of a frame without its size; -1 if it is too short. */
export function apiKeyOf(frame: Uint8Array): number {
  return frame.length < KEY_BYTES ? -1 : ((frame[0] as number) << 8) | (frame[1] as number)
}

/** Starts to serve a frame; resolves when the next one may start, if it is pipelined. */
export async function startFrame(frame: Uint8Array, caller: KafkaCaller): Promise<StartedFrame> {
  let mustClose = false
  const close = () => {
    mustClose = true
  }
  try {
    const { response } = await startRequest(frame, { ...caller, close })
    const served = response.then(
      (writer) => ({ parts: writer === null ? [] : endFrame(writer), mustClose }),
      (error: unknown) => unservedFrame(error),
    )
    return { response: served }
  } catch (error) {
    return { response: Promise.resolve(unservedFrame(error)) }
  }
}

/** Like a broker, closes the connection for an unreadable request. After other errors clients retry. */
function unservedFrame(error: unknown): ServedFrame {
  if (!(error instanceof DecodeError || error instanceof EdgelogError)) {
    report({ type: 'kafka_request_failed', error })
  }
  return { parts: [], mustClose: true }
}

async function startRequest(
  frame: Uint8Array,
  caller: Omit<KafkaCall, 'version' | 'clientId'>,
): Promise<Started<PartsWriter>> {
  const reader = new ByteReader(frame)
  const header = readRequestHeader(reader, (key) => apiOf(key)?.messages)
  const { apiKey, apiVersion: version, correlationId } = header
  const api = apiOf(apiKey)
  if (api === undefined || (!caller.isAuthorized && !isOpenToAll(apiKey))) {
    caller.close()
    return { response: Promise.resolve(null) }
  }
  if (!isServed(api.messages, version)) {
    // KIP-511: the response tells the client which versions are served.
    if (apiKey !== API_VERSIONS.key) {
      caller.close()
      return { response: Promise.resolve(null) }
    }
    const writer = beginFrame()
    appendUnsupportedVersion(writer, correlationId)
    return { response: Promise.resolve(writer) }
  }
  const call = { ...caller, version, clientId: header.clientId ?? '' }
  return await api.start(reader, call, () => {
    const begun = beginFrame()
    writeResponseHeader(begun, api.messages, version, correlationId)
    return begun
  })
}

function beginFrame(): PartsWriter {
  const writer = new PartsWriter()
  writer.int32(0)
  return writer
}

function endFrame(writer: PartsWriter): Uint8Array[] {
  writer.patchInt32(0, writer.sizeBytes - SIZE_BYTES)
  return writer.toParts()
}
