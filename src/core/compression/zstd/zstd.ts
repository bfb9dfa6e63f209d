import { EdgelogError } from '../../errors.ts'
import type { Codec } from '../codec.ts'

/** Stands in for zstd where nobody has given one. */
export const missingZstdCodec: Codec = {
  compress: refuse,
  decompress: refuse,
}

function refuse(): never {
  throw new EdgelogError(
    'unsupported_compression_type',
    'zstd is not available here: pass a codec for it to createCodecs',
  )
}
