/** Returns the number of bytes that `ByteWriter.unsignedVarint` writes for a uint32. */
function unsignedVarintSizeBytes(value: number): number {
  // 1 byte for up to 7 significant bits, 2 for up to 14, ...; zero also takes one.
  return value < 0x80 ? 1 : Math.ceil((32 - Math.clz32(value)) / 7)
}

/** Returns the number of bytes that `ByteWriter.varint` writes for an int32. */
export function varintSizeBytes(value: number): number {
  return unsignedVarintSizeBytes(((value << 1) ^ (value >> 31)) >>> 0)
}

/** Returns the number of bytes that `ByteWriter.varlong` writes for a safe integer. */
export function varlongSizeBytes(value: number): number {
  let rest = Math.floor((value < 0 ? -value - 1 : value) / 64)
  let count = 1
  while (rest > 0) {
    rest = Math.floor(rest / 128)
    count++
  }
  return count
}
