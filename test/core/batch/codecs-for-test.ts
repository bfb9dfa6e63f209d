/** All four codecs: zstd is read by our own decoder and written by Node, where Node can. */
import * as zlib from 'node:zlib'
import type { Codec } from '../../../src/core/compression/codec.ts'
import { createCodecs } from '../../../src/core/compression/codecs.ts'
import { zstdDecodeCodec } from '../../../src/core/compression/zstd/zstd-decode.ts'

export const HAS_ZSTD = 'zstdCompressSync' in zlib

const zstd: Codec = {
  compress: (bytes) => new Uint8Array(zlib.zstdCompressSync(bytes)),
  decompress: zstdDecodeCodec.decompress,
}

export const CODECS = createCodecs({ zstd })

export const COMPRESSIONS = HAS_ZSTD
  ? (['gzip', 'snappy', 'lz4', 'zstd'] as const)
  : (['gzip', 'snappy', 'lz4'] as const)
