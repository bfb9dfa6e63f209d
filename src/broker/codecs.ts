/** The server only ever reads what others compressed; what it writes itself is uncompressed. */
import { createCodecs } from '../core/batch/compression/codecs.ts'
import { zstdDecodeCodec } from '../core/batch/compression/zstd-decode.ts'

export const SERVER_CODECS = createCodecs({ zstd: zstdDecodeCodec })
