/**
 * The client's compression codecs. Each is loaded when the first
 * batch needs it, so a page downloads only the codecs that it uses.
 */
import type { Codec, Codecs } from '../src/core/compression/codec.ts'

function lazy(load: () => Promise<Codec>): Codec {
  return {
    compress: async (bytes) => (await load()).compress(bytes),
    decompress: async (bytes, maxBytes) => (await load()).decompress(bytes, maxBytes),
  }
}

/** Returns the client's codecs. `given` replaces single ones, such as zstd, which the client itself cannot compress. */
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
