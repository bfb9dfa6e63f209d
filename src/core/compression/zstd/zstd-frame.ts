/**
 * The zstd frame (RFC 8878):
 *
 *   magic 28 b5 2f fd
 *   descriptor     bits 6-7 size of the content size, 5 single segment, 2 checksum, 0-1 dictionary id
 *   window         1 byte, unless single segment; ignored on reading, because all output is kept anyway
 *   dictionary id  0, 1, 2 or 4 bytes
 *   content size   0 (1 if single segment), 2, 4 or 8 bytes
 *   blocks         3 bytes little endian: bit 0 last, 1-2 type (0 raw, 1 one byte repeated,
 *                  2 compressed), 3-23 size; data
 *   checksum       4 bytes, if set in the descriptor; neither written nor verified, a batch has its CRC
 */

export const ZSTD_MAGIC = 0xfd2fb528

export const BLOCK_RAW = 0
export const BLOCK_REPEATED = 1
export const BLOCK_COMPRESSED = 2

/** The maximum size of one block (RFC 8878, section 3.1.1.2.4); it limits the work for one block. */
export const ZSTD_BLOCK_BYTES_MAX = 128 * 1024

/** The types of the literals in a compressed block. */
export const LITERALS_RAW = 0
export const LITERALS_REPEATED = 1
export const LITERALS_HUFFMAN = 2
export const LITERALS_TREELESS = 3

export const HUFFMAN_CODE_BITS_MAX = 11
/** Accuracy of the table that codes the weights of a Huffman tree. */
export const WEIGHT_ACCURACY_MAX = 6
