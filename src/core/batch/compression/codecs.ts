import type { Codec, Codecs } from './codec.ts'
import { gzipCodec } from './gzip.ts'
import { lz4Codec } from './lz4.ts'
import { snappyCodec } from './snappy.ts'
import { missingZstdCodec } from './zstd.ts'

/**
 * The codecs of Kafka. What a platform does better is given to it: zstd, which no plain JavaScript
 * compresses, and gzip, where `node:zlib` spares the detour over streams.
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
