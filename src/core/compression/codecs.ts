import type { Codecs } from './codec.ts'
import { gzipCodec } from './gzip/gzip.ts'
import { lz4Codec } from './lz4/lz4.ts'
import { snappyCodec } from './snappy/snappy.ts'
import { zstdDecodeCodec } from './zstd/zstd-decode.ts'

/** Kafka's codecs. zstd is read only: compressing with it throws `unsupported_compression_type`. */
export const CODECS: Codecs = {
  gzip: gzipCodec,
  snappy: snappyCodec,
  lz4: lz4Codec,
  zstd: zstdDecodeCodec,
}
