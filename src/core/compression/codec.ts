/** The interface of a compression codec, and the numbers of the codecs in the attributes of a batch. */

/** The index of a name is its number in a batch's attributes. */
export const COMPRESSION_NAMES = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type CompressionName = (typeof COMPRESSION_NAMES)[number]

export interface Decompressor {
  /**
   * @throws {EdgelogError} `corrupt_message`; `message_too_large` as soon as the output is known to exceed
   * `maxBytes`. Memory use stays proportional to `maxBytes`.
   */
  decompress(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array> | Uint8Array
}

export interface Codec extends Decompressor {
  compress(bytes: Uint8Array): Promise<Uint8Array> | Uint8Array
}

/** The half of the codecs that a reader needs. */
export type Decompressors = Readonly<Record<Exclude<CompressionName, 'none'>, Decompressor>>
export type Codecs = Readonly<Record<Exclude<CompressionName, 'none'>, Codec>>
