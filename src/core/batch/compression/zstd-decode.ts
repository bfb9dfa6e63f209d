/**
 * Decompresses zstd in plain JavaScript, for where the platform cannot.
 *
 * What is read here should come from a log that has checked it: the package does not bound the work
 * of one block, so a forged block of a few bytes can keep it busy for seconds.
 *
 *   magic 28 b5 2f fd
 *   descriptor     bits 6-7 size of the content size, 5 single segment, 2 checksum, 0-1 dictionary id
 *   window         1 byte, unless single segment: exponent in the high 5 bits, eighths in the low 3
 *   dictionary id  0, 1, 2 or 4 bytes
 *   content size   0 (1 if single segment), 2, 4 or 8 bytes
 *   blocks         3 bytes little endian: bit 0 last, 1-2 type (0 raw, 1 one byte repeated,
 *                  2 compressed), 3-23 size; data
 *   checksum       4 bytes, if the descriptor says so
 */
import { Decompress } from 'fzstd'
import { EdgelogError } from '../../errors.ts'
import type { Codec } from './codec.ts'
import { corrupt, tooLarge } from './compression-error.ts'
import { concatenate } from './concatenate.ts'

const MAGIC = 0xfd2fb528
const WINDOW_POSITION = 5
const WINDOW_EXPONENT_MIN = 10
const BLOCK_REPEATED = 1

export const zstdDecodeCodec: Codec = {
  compress() {
    throw new EdgelogError(
      'unsupported_compression_type',
      'zstd can only be decompressed here: choose gzip, snappy or lz4, or pass another codec',
    )
  },

  decompress(bytes, maxBytes) {
    const frame = readFrame(bytes, maxBytes)
    const output: Uint8Array[] = []
    let count = 0
    const stream = new Decompress((chunk) => {
      count += chunk.length
      if (count > maxBytes) throw tooLarge('zstd', maxBytes)
      output.push(chunk)
    })
    try {
      stream.push(frame, true)
    } catch (cause) {
      if (cause instanceof EdgelogError) throw cause
      throw corrupt('zstd', 'cannot be decompressed', cause)
    }
    return concatenate(output, count)
  },
}

/**
 * Checks that `bytes` are one whole frame that asks for no more memory than is allowed: the package
 * believes the header, and whatever follows the first frame.
 */
function readFrame(bytes: Uint8Array, maxBytes: number): Uint8Array {
  if (littleEndian(bytes, 0, 4) !== MAGIC) throw corrupt('zstd', 'not a frame')
  const descriptor = littleEndian(bytes, 4, 1)
  const isSingleSegment = (descriptor & 0x20) !== 0
  const contentSizeCode = descriptor >>> 6
  const contentSizeBytes = contentSizeCode === 0 ? Number(isSingleSegment) : 1 << contentSizeCode
  const dictionaryIdBytes = [0, 1, 2, 4][descriptor & 3] as number
  if (dictionaryIdBytes > 0) throw corrupt('zstd', 'dictionaries are not supported')
  const contentSizePosition = WINDOW_POSITION + (isSingleSegment ? 0 : 1)
  const contentBytes = littleEndian(bytes, contentSizePosition, contentSizeBytes)
  if (contentBytes > maxBytes) throw tooLarge('zstd', maxBytes)
  const hasChecksum = (descriptor & 4) !== 0
  const end = findBlocksEnd(bytes, contentSizePosition + contentSizeBytes) + (hasChecksum ? 4 : 0)
  if (end !== bytes.length) throw corrupt('zstd', `the frame ends at ${end} of ${bytes.length}`)
  return isSingleSegment ? bytes : limitWindow(bytes, maxBytes)
}

/** A window beyond what may come out is only memory: such a frame is given a smaller one. */
function limitWindow(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const exponentMax = Math.max(Math.ceil(Math.log2(maxBytes)), 17)
  const exponent = WINDOW_EXPONENT_MIN + ((bytes[WINDOW_POSITION] as number) >>> 3)
  if (exponent < exponentMax) return bytes
  const limited = bytes.slice()
  limited[WINDOW_POSITION] = (exponentMax - WINDOW_EXPONENT_MIN) << 3
  return limited
}

function findBlocksEnd(bytes: Uint8Array, start: number): number {
  let at = start
  for (;;) {
    const header = littleEndian(bytes, at, 3)
    const isRepeated = ((header >>> 1) & 3) === BLOCK_REPEATED
    at += 3 + (isRepeated ? 1 : header >>> 3)
    if ((header & 1) !== 0) return at
  }
}

function littleEndian(bytes: Uint8Array, position: number, count: number): number {
  if (count > bytes.length - position) throw corrupt('zstd', 'cut short')
  let value = 0
  for (let index = count - 1; index >= 0; index--) {
    value = value * 256 + (bytes[position + index] as number)
  }
  return value
}
