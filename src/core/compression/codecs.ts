import type { Codecs } from './codec.ts'
import { gzipCodec } from './gzip/gzip.ts'
import { lz4Codec } from './lz4/lz4.ts'
import { snappyCodec } from './snappy/snappy.ts'
import { zstdCodec } from './zstd/zstd.ts'

/** Kafka's codecs. */
export const CODECS: Codecs = {
  gzip: gzipCodec,
  snappy: snappyCodec,
  lz4: lz4Codec,
  zstd: zstdCodec,
}
