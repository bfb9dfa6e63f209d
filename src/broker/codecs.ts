/** Codecs of the server. It only decompresses: batches that it writes itself are uncompressed. */
import type { Codec, Codecs } from '../core/compression/codec.ts'
import { CODECS } from '../core/compression/codecs.ts'
import { EdgelogError } from '../core/errors.ts'
import { REQUEST_DECOMPRESSED_BYTES_MAX } from '../core/limits.ts'

/**
 * Returns codecs for the batches of one request. They throw `request_too_large` once the batches together decompress to
 * more than `REQUEST_DECOMPRESSED_BYTES_MAX`.
 */
export function requestCodecs(): Codecs {
  let sizeBytes = 0
  const count = (decompressed: Uint8Array) => {
    sizeBytes += decompressed.length
    if (sizeBytes <= REQUEST_DECOMPRESSED_BYTES_MAX) return decompressed
    throw new EdgelogError(
      'request_too_large',
      `body: at most ${REQUEST_DECOMPRESSED_BYTES_MAX} bytes are allowed when decompressed`,
    )
  }
  const counting = (codec: Codec): Codec => ({
    compress: codec.compress,
    decompress: (bytes, maxBytes) => {
      const decompressed = codec.decompress(bytes, maxBytes)
      return decompressed instanceof Promise ? decompressed.then(count) : count(decompressed)
    },
  })
  const { gzip, snappy, lz4, zstd } = CODECS
  return {
    gzip: counting(gzip),
    snappy: counting(snappy),
    lz4: counting(lz4),
    zstd: counting(zstd),
  }
}
