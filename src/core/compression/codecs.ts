import type { Codec, Codecs } from './codec.ts'
import { gzipCodec } from './gzip/gzip.ts'
import { lz4Codec } from './lz4/lz4.ts'
import { snappyCodec } from './snappy/snappy.ts'
import { missingZstdCodec } from './zstd/zstd.ts'

/**
 * The codecs of Kafka. What a platform does better may be given: zstd, which no plain JavaScript
 * compresses, and gzip.
 *
 * @example
 * const codecs = createCodecs({ zstd: zstdDecodeCodec })
 */
export function createCodecs(
  options: { readonly gzip?: Codec; readonly zstd?: Codec } = {},
): Codecs {
  return {
    gzip: options.gzip ?? gzipCodec,
    snappy: snappyCodec,
    lz4: lz4Codec,
    zstd: options.zstd ?? missingZstdCodec,
  }
}
