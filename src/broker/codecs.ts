/** The compressions as the server has them: zstd comes from the platform, the rest is ours. */
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { createCodecs } from '../core/batch/compression/codecs.ts'
import { EdgelogError } from '../core/errors.ts'

export const SERVER_CODECS = createCodecs({
  zstd: {
    compress: (bytes) => new Uint8Array(zstdCompressSync(bytes)),
    decompress: (bytes, maxBytes) => {
      try {
        return new Uint8Array(zstdDecompressSync(bytes, { maxOutputLength: maxBytes }))
      } catch (cause) {
        const isTooLarge =
          cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE'
        throw isTooLarge
          ? new EdgelogError('message_too_large', `zstd: more than ${maxBytes} bytes of records`)
          : new EdgelogError('corrupt_message', 'zstd: cannot be decompressed', { cause })
      }
    },
  },
})
