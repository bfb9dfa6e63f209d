/**
 * The client's decompressors. Each is loaded when the first batch needs it, so a page downloads only what it uses.
 */
import type { Decompressor, Decompressors } from '../src/core/compression/codec.ts'

function lazy(load: () => Promise<Decompressor>): Decompressor {
  return { decompress: async (bytes, maxBytes) => (await load()).decompress(bytes, maxBytes) }
}

/** Returns the client's decompressors. `given` replaces single ones. */
export function clientDecompressors(given: Partial<Decompressors> = {}): Decompressors {
  return {
    gzip: lazy(async () => (await import('../src/core/compression/gzip/gzip.ts')).gzipCodec),
    snappy: lazy(
      async () => (await import('../src/core/compression/snappy/snappy.ts')).snappyCodec,
    ),
    lz4: lazy(async () => (await import('../src/core/compression/lz4/lz4.ts')).lz4Codec),
    zstd: lazy(async () => {
      const { decompressZstd } = await import('../src/core/compression/zstd/zstd-decode.ts')
      return { decompress: decompressZstd }
    }),
    ...given,
  }
}
