import type { Codec } from '../codec.ts'
import { decompressZstd } from './zstd-decode.ts'
import { compressZstd } from './zstd-encode.ts'

export const zstdCodec: Codec = { compress: compressZstd, decompress: decompressZstd }
