/** All four codecs: zstd is read by our own decoder and written by Node, if this version of Node can. */
import * as zlib from 'node:zlib'
import type { Codec, Codecs } from '../../../src/core/compression/codec.ts'
import { CODECS as OWN_CODECS } from '../../../src/core/compression/codecs.ts'

export const HAS_ZSTD = 'zstdCompressSync' in zlib

const zstd: Codec = {
  compress: (bytes) => new Uint8Array(zlib.zstdCompressSync(bytes)),
  decompress: OWN_CODECS.zstd.decompress,
}

export const CODECS: Codecs = { ...OWN_CODECS, zstd }

export const COMPRESSIONS = HAS_ZSTD
  ? (['gzip', 'snappy', 'lz4', 'zstd'] as const)
  : (['gzip', 'snappy', 'lz4'] as const)
