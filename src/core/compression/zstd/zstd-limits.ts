/** What a zstd block may become, by RFC 8878, section 3.1.1.2.4. It bounds the work of one block. */
export const ZSTD_BLOCK_BYTES_MAX = 128 * 1024
