/**
 * The compressions as the client has them: each is loaded when the first batch needs it, so that a
 * page that never meets one never downloads it.
 */
import type { Codec, Codecs } from '../src/core/compression/codec.ts'

function lazy(load: () => Promise<Codec>): Codec {
  return {
    compress: async (bytes) => (await load()).compress(bytes),
    decompress: async (bytes, maxBytes) => (await load()).decompress(bytes, maxBytes),
  }
}

/** What a platform does better, or at all, is given here: no plain JavaScript compresses zstd. */
export function clientCodecs(given: Partial<Codecs> = {}): Codecs {
  return {
    gzip: lazy(async () => (await import('../src/core/compression/gzip/gzip.ts')).gzipCodec),
    snappy: lazy(
      async () => (await import('../src/core/compression/snappy/snappy.ts')).snappyCodec,
    ),
    lz4: lazy(async () => (await import('../src/core/compression/lz4/lz4.ts')).lz4Codec),
    zstd: lazy(
      async () => (await import('../src/core/compression/zstd/zstd-decode.ts')).zstdDecodeCodec,
    ),
    ...given,
  }
}
