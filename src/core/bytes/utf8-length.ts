/** Returns the size of `text` in UTF-8, as TextEncoder writes it: a lone surrogate takes three bytes. */
export function utf8Length(text: string): number {
  let count = text.length
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    if (unit < 0x80) continue
    if (unit < 0x800) {
      count += 1
    } else if (unit >= 0xd800 && unit < 0xdc00 && isLowSurrogate(text.charCodeAt(index + 1))) {
      // Two code units become four bytes.
      count += 2
      index++
    } else {
      count += 2
    }
  }
  return count
}

/** Returns false for NaN, the result of `charCodeAt` beyond the end. */
function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000
}
