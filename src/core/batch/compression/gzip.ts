/** One gzip member, by the streams that browsers, workerd and Node share. */
import type { Codec } from './codec.ts'
import { corrupt, tooLarge } from './compression-error.ts'
import { concatenate } from './concatenate.ts'

/**
 * Bytes handed to the decompressor at a time. Not every runtime holds back a writer whose output
 * nobody has read yet, so this bounds what a bomb inflates to (1,032 : 1) before it is counted.
 */
const SLICE_BYTES = 16 * 1024
/** Magic, method, flags, time, extra flags, system; then CRC-32 and length of the content. */
const MEMBER_BYTES_MIN = 10 + 8

export const gzipCodec: Codec = {
  async compress(bytes) {
    return pump(new CompressionStream('gzip'), bytes, Number.MAX_SAFE_INTEGER)
  },

  async decompress(bytes, maxBytes) {
    if (bytes.length < MEMBER_BYTES_MIN) throw corrupt('gzip', 'cut short')
    const output = await pump(new DecompressionStream('gzip'), bytes, maxBytes)
    // Some runtimes ignore what follows a member. Then the last bytes are no longer its length.
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    if (view.getUint32(bytes.length - 4, true) !== output.length) {
      throw corrupt('gzip', 'the length at its end is not that of the content')
    }
    return output
  },
}

async function pump(
  stream: CompressionStream | DecompressionStream,
  bytes: Uint8Array,
  maxBytes: number,
): Promise<Uint8Array> {
  const writing = write(stream.writable.getWriter(), bytes)
  // Its failure shows on the reading side as well; here it would be an unhandled rejection.
  writing.catch(() => {})
  const reader = stream.readable.getReader() as ReadableStreamDefaultReader<Uint8Array>
  const chunks: Uint8Array[] = []
  let count = 0
  for (;;) {
    const { done, value } = await readChunk(reader)
    if (done) return concatenate(chunks, count)
    count += value.length
    if (count > maxBytes) {
      reader.cancel().catch(() => {})
      throw tooLarge('gzip', maxBytes)
    }
    chunks.push(value)
  }
}

async function readChunk(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<ReadableStreamReadResult<Uint8Array>> {
  try {
    return await reader.read()
  } catch (cause) {
    throw corrupt('gzip', 'cannot be decompressed', cause)
  }
}

async function write(writer: WritableStreamDefaultWriter, bytes: Uint8Array): Promise<void> {
  for (let from = 0; from < bytes.length; from += SLICE_BYTES) {
    await writer.write(bytes.subarray(from, from + SLICE_BYTES))
  }
  await writer.close()
}
