/**
 * The form of an export file, version 1 (docs/PROTOCOL.md, section 17.2):
 *
 *     header   "edgelog export\n", uint8 version
 *     frame    uint8 type, uint32 size of the content, content, uint32 CRC-32C of all before it in the frame
 *
 *     start    JSON   what is exported
 *     topic    JSON   name, id, config, and the range of each partition
 *     records         uint32 partition, int64 from, int64 to, record batches: of the last topic before it
 *     group    JSON   some committed offsets of a group
 *     end      JSON   number of frames before it, and their checksum
 */
import { crc32c } from '../../../src/core/bytes/crc32c.ts'

export const EXPORT_VERSION = 1
const MAGIC = new TextEncoder().encode('edgelog export\n')
export const FILE_HEADER_BYTES = MAGIC.length + 1
/** Type and size. */
export const FRAME_HEAD_BYTES = 5
export const FRAME_CRC_BYTES = 4
const RANGE_BYTES = 20
/** Without characters that a terminal would obey: names are printed. */
const TOPIC_NAME = /^[\w.-]{1,249}$/

/** The types in the order of their numbers. */
const TYPES = ['start', 'topic', 'records', 'group', 'end'] as const
type FrameType = (typeof TYPES)[number]

export interface StartFrame {
  readonly type: 'start'
  /** True for all topics and the offsets of groups. */
  readonly isAll: boolean
}

/** The offsets that are exported: from the log start to the last stable offset, when the export of the topic began. */
export interface ExportedRange {
  readonly from: number
  readonly to: number
}

export interface TopicFrame {
  readonly type: 'topic'
  readonly name: string
  readonly topicId: string
  /** The keys that do not have their default values. */
  readonly config: Readonly<Record<string, string | number | boolean>>
  /** One for each partition. */
  readonly ranges: readonly ExportedRange[]
}

export interface RecordsFrame {
  readonly type: 'records'
  readonly partition: number
  readonly from: number
  readonly to: number
  readonly batches: Uint8Array
}

export interface ExportedOffset {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly metadata: string
}

export interface GroupFrame {
  readonly type: 'group'
  readonly groupId: string
  readonly offsets: readonly ExportedOffset[]
}

export interface EndFrame {
  readonly type: 'end'
  readonly framesCount: number
  readonly checksum: number
}

export type ExportFrame = StartFrame | TopicFrame | RecordsFrame | GroupFrame | EndFrame

export function encodeFileHeader(): Uint8Array {
  return Uint8Array.of(...MAGIC, EXPORT_VERSION)
}

/** Returns the version of an export file; undefined for bytes that are no such header. */
export function versionOf(header: Uint8Array): number | undefined {
  const isExport =
    header.length === FILE_HEADER_BYTES && MAGIC.every((byte, at) => header[at] === byte)
  return isExport ? header[MAGIC.length] : undefined
}

export function encodeFrame(frame: ExportFrame): Uint8Array {
  const content = encodeContent(frame)
  const bytes = new Uint8Array(FRAME_HEAD_BYTES + content.length + FRAME_CRC_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, TYPES.indexOf(frame.type))
  view.setUint32(1, content.length)
  bytes.set(content, FRAME_HEAD_BYTES)
  const crcAt = bytes.length - FRAME_CRC_BYTES
  view.setUint32(crcAt, crc32c(bytes.subarray(0, crcAt)))
  return bytes
}

/** Returns the checksum of a whole encoded frame. */
export function frameCrc(bytes: Uint8Array): number {
  return viewOf(bytes).getUint32(bytes.length - FRAME_CRC_BYTES)
}

/** Returns the checksum of all frames up to one with `crc`. */
export function nextChecksum(checksum: number, crc: number): number {
  const both = new DataView(new ArrayBuffer(8))
  both.setUint32(0, checksum)
  both.setUint32(4, crc)
  return crc32c(new Uint8Array(both.buffer))
}

/** Returns the size of a whole frame that has this head. */
export function frameSizeBytes(head: Uint8Array): number {
  return FRAME_HEAD_BYTES + viewOf(head).getUint32(1) + FRAME_CRC_BYTES
}

/** Returns whether a whole frame has its checksum. */
export function isIntact(bytes: Uint8Array): boolean {
  return crc32c(bytes.subarray(0, bytes.length - FRAME_CRC_BYTES)) === frameCrc(bytes)
}

/** Decodes a whole frame; undefined if its type or its content is not one of this version. */
export function decodeFrame(bytes: Uint8Array): ExportFrame | undefined {
  const crcAt = bytes.length - FRAME_CRC_BYTES
  const type = TYPES[bytes[0] as number]
  const content = bytes.subarray(FRAME_HEAD_BYTES, crcAt)
  return type === undefined ? undefined : decodeContent(type, content)
}

function encodeContent(frame: ExportFrame): Uint8Array {
  if (frame.type !== 'records') {
    const { type: _, ...fields } = frame
    return new TextEncoder().encode(JSON.stringify(fields))
  }
  const content = new Uint8Array(RANGE_BYTES + frame.batches.length)
  const view = viewOf(content)
  view.setUint32(0, frame.partition)
  view.setBigInt64(4, BigInt(frame.from))
  view.setBigInt64(12, BigInt(frame.to))
  content.set(frame.batches, RANGE_BYTES)
  return content
}

function decodeContent(type: FrameType, content: Uint8Array): ExportFrame | undefined {
  if (type !== 'records') {
    try {
      const fields: unknown = JSON.parse(new TextDecoder().decode(content))
      const frame = { ...(fields as object), type } as ExportFrame
      return isWellFormed(frame) ? frame : undefined
    } catch (error) {
      if (error instanceof SyntaxError) return undefined
      throw error
    }
  }
  if (content.length < RANGE_BYTES) return undefined
  const view = viewOf(content)
  return {
    type,
    partition: view.getUint32(0),
    from: Number(view.getBigInt64(4)),
    to: Number(view.getBigInt64(12)),
    batches: content.subarray(RANGE_BYTES),
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Returns whether a frame has the fields of its type; the server checks the values that it is sent. */
function isWellFormed(frame: ExportFrame): boolean {
  if (frame.type === 'topic') {
    const { name, topicId, config, ranges } = frame
    const isNamed = typeof name === 'string' && TOPIC_NAME.test(name) && typeof topicId === 'string'
    return isNamed && isObject(config) && Array.isArray(ranges) && ranges.every(isRange)
  }
  if (frame.type === 'group') {
    return typeof frame.groupId === 'string' && Array.isArray(frame.offsets)
  }
  return true
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}

function isRange(range: ExportedRange | null): boolean {
  return Number.isSafeInteger(range?.from) && Number.isSafeInteger(range?.to)
}
