/**
 * The client's codecs. Each half is loaded when the first batch needs it. The browser client does not compress, and
 * does not contain this file.
 */
import type { Codec, Codecs } from '../src/core/compression/codec.ts'
import { clientDecompressors } from './decompressors.ts'

type Compress = Codec['compress']

const COMPRESS: Readonly<Record<keyof Codecs, () => Promise<Compress>>> = {
  gzip: async () => (await import('../src/core/compression/gzip/gzip.ts')).gzipCodec.compress,
  snappy: async () =>
    (await import('../src/core/compression/snappy/snappy.ts')).snappyCodec.compress,
  lz4: async () => (await import('../src/core/compression/lz4/lz4.ts')).lz4Codec.compress,
  zstd: async () => (await import('../src/core/compression/zstd/zstd-encode.ts')).compressZstd,
}

/** Returns the client's codecs. `given` replaces single ones, for example with a native zstd. */
export function clientCodecs(given: Partial<Codecs> = {}): Codecs {
  const decompressors = clientDecompressors()
  const codec = (name: keyof Codecs): Codec => ({
    compress: async (bytes) => (await COMPRESS[name]())(bytes),
    decompress: (bytes, maxBytes) => decompressors[name].decompress(bytes, maxBytes),
  })
  return {
    gzip: codec('gzip'),
    snappy: codec('snappy'),
    lz4: codec('lz4'),
    zstd: codec('zstd'),
    ...given,
  }
}
