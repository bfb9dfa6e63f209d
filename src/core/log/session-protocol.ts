/**
 * The encoding of a session between a client and the edge (docs/PROTOCOL.md, "Sessions"). Numbers are big-endian.
 *
 *     message    entry ...
 *     entry      kind uint8 | id uint32 | length uint32 | content
 *
 *     append     ref uint32 | expectedOffset int64, -1: any | record batches
 *     appended   nextOffset int64 | logAppendTime int64, -1: none | count uint32 | (baseOffset int64) * count |
 *                count uint32 | (recordsCount uint32 | baseOffset int64) * count
 *     refused    status uint16 | JSON of an error
 *     call       headLength uint32 | JSON of the head | body
 *     part       bytes of the response to a call, which continues in other parts; `lastPart` ends it
 *     tail       a part of a tail's frame, as in tail-protocol.ts
 */
import { ByteReader } from '../bytes/byte-reader.ts'
import { DecodeError } from '../bytes/decode-error.ts'
import type { StoredPiece } from './producer-state.ts'

export const SESSION_SUBPROTOCOL = 'edgelog.session.v1'

/** Close codes that the server uses in addition to 1000 and 1008: 4000 plus the HTTP status of the error. */
export const SESSION_CLOSE_CODES = { unauthorized: 4401, forbidden: 4403, throttled: 4429 } as const

export const SESSION_ENTRY = {
  append: 1,
  call: 2,
  appended: 17,
  refused: 18,
  part: 19,
  lastPart: 20,
  tail: 21,
} as const

export const SESSION_ENTRY_HEADER_BYTES = 9
const APPEND_HEADER_BYTES = 12
const STATUS_BYTES = 2
const LENGTH_BYTES = 4
const BASE_OFFSET_BYTES = 8
const PIECE_BYTES = 12
const APPENDED_FIXED_BYTES = 24
const NONE = -1
const TWO_POW_32 = 0x1_0000_0000

export interface SessionEntry {
  readonly kind: number
  /** Chosen by the client; of a tail's part, the id of its subscription. */
  readonly id: number
  /** A view of the message. */
  readonly content: Uint8Array
}

/**
 * Reads the entries of a message.
 *
 * @throws {DecodeError} if the last entry is cut short.
 */
export function* decodeSessionEntries(message: Uint8Array): Generator<SessionEntry, void> {
  const view = viewOf(message)
  let at = 0
  while (at < message.length) {
    const start = at + SESSION_ENTRY_HEADER_BYTES
    const sizeBytes = start <= message.length ? view.getUint32(at + 5) : 0
    if (start + sizeBytes > message.length) throw new DecodeError(at, 'an entry cut short')
    const content = message.subarray(start, start + sizeBytes)
    yield { kind: view.getUint8(at), id: view.getUint32(at + 1), content }
    at = start + sizeBytes
  }
}

/** Returns an entry whose content is still to be written, behind its header. */
function newEntry(kind: number, id: number, sizeBytes: number) {
  const entry = new Uint8Array(SESSION_ENTRY_HEADER_BYTES + sizeBytes)
  const view = new DataView(entry.buffer)
  view.setUint8(0, kind)
  view.setUint32(1, id)
  view.setUint32(5, sizeBytes)
  return { entry, view }
}

/** Encodes an entry with content in parts. */
export function encodeSessionEntry(
  kind: number,
  id: number,
  ...parts: readonly Uint8Array[]
): Uint8Array<ArrayBuffer> {
  const sizeBytes = parts.reduce((sum, part) => sum + part.length, 0)
  const { entry } = newEntry(kind, id, sizeBytes)
  let at = SESSION_ENTRY_HEADER_BYTES
  for (const part of parts) {
    entry.set(part, at)
    at += part.length
  }
  return entry
}

export interface SessionAppend {
  /** Names the partition, by an earlier `open`. */
  readonly ref: number
  readonly expectedOffset: number | undefined
  /** A view of the message. */
  readonly batches: Uint8Array
}

export function encodeAppend(
  id: number,
  { ref, expectedOffset = NONE, batches }: SessionAppend,
): Uint8Array<ArrayBuffer> {
  const { entry, view } = newEntry(SESSION_ENTRY.append, id, APPEND_HEADER_BYTES + batches.length)
  view.setUint32(SESSION_ENTRY_HEADER_BYTES, ref)
  writeInt64(view, SESSION_ENTRY_HEADER_BYTES + 4, expectedOffset)
  entry.set(batches, SESSION_ENTRY_HEADER_BYTES + APPEND_HEADER_BYTES)
  return entry
}

/** @throws {DecodeError} for a truncated header, and for an offset that is neither -1 nor one of a log. */
export function decodeAppend(content: Uint8Array): SessionAppend {
  if (content.length < APPEND_HEADER_BYTES) throw new DecodeError(0, 'an append cut short')
  const view = viewOf(content)
  const offset = readInt64(view, 4)
  if (offset < NONE || !Number.isSafeInteger(offset)) {
    throw new DecodeError(4, `expectedOffset ${offset}`)
  }
  return {
    ref: view.getUint32(0),
    expectedOffset: offset === NONE ? undefined : offset,
    batches: content.subarray(APPEND_HEADER_BYTES),
  }
}

/** The response to an append: fields of docs/PROTOCOL.md, "Produce". */
export interface SessionAppended {
  readonly baseOffsets: readonly number[]
  readonly nextOffset: number
  readonly logAppendTime: number | null
  readonly pieces?: readonly StoredPiece[]
}

export function encodeAppended(id: number, appended: SessionAppended): Uint8Array<ArrayBuffer> {
  const { baseOffsets, nextOffset, logAppendTime, pieces = [] } = appended
  const sizeBytes =
    APPENDED_FIXED_BYTES + BASE_OFFSET_BYTES * baseOffsets.length + PIECE_BYTES * pieces.length
  const { entry, view } = newEntry(SESSION_ENTRY.appended, id, sizeBytes)
  let at = SESSION_ENTRY_HEADER_BYTES
  writeInt64(view, at, nextOffset)
  writeInt64(view, at + 8, logAppendTime ?? NONE)
  view.setUint32(at + 16, baseOffsets.length)
  at += 20
  for (const baseOffset of baseOffsets) {
    writeInt64(view, at, baseOffset)
    at += BASE_OFFSET_BYTES
  }
  view.setUint32(at, pieces.length)
  at += 4
  for (const { recordsCount, baseOffset } of pieces) {
    view.setUint32(at, recordsCount)
    writeInt64(view, at + 4, baseOffset)
    at += PIECE_BYTES
  }
  return entry
}

/** @throws {DecodeError} for truncated content. */
export function decodeAppended(content: Uint8Array): SessionAppended {
  const reader = new ByteReader(content)
  const nextOffset = reader.int64AsNumber()
  const logAppendTime = reader.int64AsNumber()
  const baseOffsets: number[] = []
  for (let left = reader.uint32(); left > 0; left--) baseOffsets.push(reader.int64AsNumber())
  const pieces: StoredPiece[] = []
  for (let left = reader.uint32(); left > 0; left--) {
    pieces.push({ recordsCount: reader.uint32(), baseOffset: reader.int64AsNumber() })
  }
  return {
    baseOffsets,
    nextOffset,
    logAppendTime: logAppendTime === NONE ? null : logAppendTime,
    ...(pieces.length > 0 && { pieces }),
  }
}

/** @param body the body of an HTTP response with this error. */
export function encodeRefused(id: number, status: number, body: object): Uint8Array<ArrayBuffer> {
  const json = new TextEncoder().encode(JSON.stringify(body))
  const { entry, view } = newEntry(SESSION_ENTRY.refused, id, STATUS_BYTES + json.length)
  view.setUint16(SESSION_ENTRY_HEADER_BYTES, status)
  entry.set(json, SESSION_ENTRY_HEADER_BYTES + STATUS_BYTES)
  return entry
}

/** @throws {DecodeError} for truncated content. */
export function decodeRefused(content: Uint8Array): {
  readonly status: number
  readonly text: string
} {
  if (content.length < STATUS_BYTES) throw new DecodeError(0, 'an error cut short')
  const text = new TextDecoder().decode(content.subarray(STATUS_BYTES))
  return { status: viewOf(content).getUint16(0), text }
}

export function encodeHeadAndBody(head: object, body: Uint8Array): Uint8Array[] {
  const json = new TextEncoder().encode(JSON.stringify(head))
  const length = new Uint8Array(LENGTH_BYTES)
  viewOf(length).setUint32(0, json.length)
  return [length, json, body]
}

/**
 * Splits the content of a call, or of the joined parts of a response. The head is the text of the JSON.
 *
 * @throws {DecodeError} if the head is cut short, or is no UTF-8.
 */
export function decodeHeadAndBody(content: Uint8Array): { head: string; body: Uint8Array } {
  const reader = new ByteReader(content)
  const head = reader.bytes(reader.uint32())
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(head)
    return { head: text, body: reader.bytes(reader.remaining) }
  } catch {
    throw new DecodeError(LENGTH_BYTES, 'a head that is no UTF-8')
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function writeInt64(view: DataView, at: number, value: number): void {
  view.setInt32(at, Math.floor(value / TWO_POW_32))
  view.setUint32(at + 4, value >>> 0)
}

function readInt64(view: DataView, at: number): number {
  return view.getInt32(at) * TWO_POW_32 + view.getUint32(at + 4)
}
