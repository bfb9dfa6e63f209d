/**
 * One gzip member: compressed by the platform's stream, decompressed here (see `inflate.ts`).
 *
 *   magic 1f 8b, method 08
 *   flags   bit 1 header CRC, 2 extra field, 3 name, 4 comment
 *   time 4 bytes, extra flags, system
 *   extra field  size 2 bytes, data;  name and comment, each ended by a zero;  header CRC 2 bytes
 *   deflate data
 *   CRC-32 and length of the content, 4 bytes each
 *
 * All numbers are little endian.
 */

import { concatenate } from '../../bytes/concatenate.ts'
import type { Codec } from '../codec.ts'
import { corrupt } from '../compression-error.ts'
import { OutputBuffer } from '../output-buffer.ts'
import { crc32 } from './crc32.ts'
import { inflate } from './inflate.ts'

const HEADER_BYTES = 10
const TRAILER_BYTES = 8
const FLAG_HEADER_CRC = 0x02
const FLAG_EXTRA = 0x04
const FLAG_NAME = 0x08
const FLAG_COMMENT = 0x10
const FLAGS_RESERVED = 0xe0
/** The best ratio of deflate: a match of 258 bytes in two bits. */
const RATIO_MAX = 1_032

export const gzipCodec: Codec = { compress, decompress }

async function compress(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new CompressionStream('gzip')
  const writer = stream.writable.getWriter()
  const writing = Promise.all([writer.write(new Uint8Array(bytes)), writer.close()])
  const reader = stream.readable.getReader() as ReadableStreamDefaultReader<Uint8Array>
  const chunks: Uint8Array[] = []
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    chunks.push(value)
  }
  await writing
  return concatenate(chunks)
}

function decompress(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const start = findDeflateStart(bytes)
  if (start + TRAILER_BYTES > bytes.length) throw corrupt('gzip', 'cut short')
  const trailer = new DataView(
    bytes.buffer,
    bytes.byteOffset + bytes.length - TRAILER_BYTES,
    TRAILER_BYTES,
  )
  const contentBytes = trailer.getUint32(4, true)
  // The trailer's size is limited to what the input can contain.
  const expectedBytes = Math.min(contentBytes, bytes.length * RATIO_MAX)
  const output = new OutputBuffer(expectedBytes, maxBytes)
  const end = inflate(bytes, start, output)
  const content = output.bytes()
  if (end + TRAILER_BYTES !== bytes.length) {
    throw corrupt('gzip', `the data ends at ${end}, the trailer at ${bytes.length}`)
  }
  if (contentBytes !== content.length || trailer.getUint32(0, true) !== crc32(content)) {
    throw corrupt('gzip', 'the content does not match its length and CRC')
  }
  return content
}

function findDeflateStart(bytes: Uint8Array): number {
  const [first, second, method, flags = FLAGS_RESERVED] = bytes
  if (first !== 0x1f || second !== 0x8b || method !== 8 || (flags & FLAGS_RESERVED) !== 0) {
    throw corrupt('gzip', 'not a gzip member')
  }
  let at = HEADER_BYTES
  if ((flags & FLAG_EXTRA) !== 0) at += 2 + ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8))
  if ((flags & FLAG_NAME) !== 0) at = afterZero(bytes, at)
  if ((flags & FLAG_COMMENT) !== 0) at = afterZero(bytes, at)
  return (flags & FLAG_HEADER_CRC) !== 0 ? at + 2 : at
}

function afterZero(bytes: Uint8Array, start: number): number {
  const zero = bytes.indexOf(0, start)
  if (zero === -1) throw corrupt('gzip', 'cut short')
  return zero + 1
}
