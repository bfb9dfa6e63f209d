/** Up to this size a loop is faster than `set` and `copyWithin`, whose call costs more than the copy. */
const LOOP_BYTES_MAX = 32

/** Copies between two arrays. The caller has checked the bounds of both. */
export function copyBytes(
  source: Uint8Array,
  from: number,
  count: number,
  target: Uint8Array,
  position: number,
): void {
  if (count > LOOP_BYTES_MAX) {
    target.set(source.subarray(from, from + count), position)
    return
  }
  for (let index = 0; index < count; index++) {
    target[position + index] = source[from + index] as number
  }
}

/**
 * Copies `length` bytes from `offset` bytes back to `position`, with LZ77 semantics: the source may overlap the
 * copy, so that an offset of 1 repeats one byte. The caller has checked the bounds.
 */
export function repeatBytes(
  bytes: Uint8Array,
  position: number,
  offset: number,
  length: number,
): void {
  const from = position - offset
  if (length > LOOP_BYTES_MAX && offset >= length) {
    bytes.copyWithin(position, from, from + length)
    return
  }
  for (let index = 0; index < length; index++) {
    bytes[position + index] = bytes[from + index] as number
  }
}
