/** MD5 (RFC 1321), for the function of this name. Nothing here relies on it for security. */

const SHIFTS = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21]
const SINES = Array.from(
  { length: 64 },
  (_, index) => Math.floor(Math.abs(Math.sin(index + 1)) * 2 ** 32) | 0,
)

/** Returns the hash of a text in UTF-8, as 32 small hex digits. */
export function md5(text: string): string {
  const message = new TextEncoder().encode(text)
  const padded = new Uint8Array((((message.length + 8) >> 6) + 1) * 64)
  padded.set(message)
  padded[message.length] = 0x80
  const view = new DataView(padded.buffer)
  view.setBigUint64(padded.length - 8, BigInt(message.length) * 8n, true)
  let state = [0x67452301, 0xefcdab89 | 0, 0x98badcfe | 0, 0x10325476]
  for (let offset = 0; offset < padded.length; offset += 64) {
    const mixed = mixBlock(state, view, offset)
    state = state.map((word, index) => (word + (mixed[index] ?? 0)) | 0)
  }
  const digest = new DataView(new ArrayBuffer(16))
  for (const [index, word] of state.entries()) digest.setInt32(index * 4, word, true)
  return Array.from(new Uint8Array(digest.buffer), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('')
}

function mixBlock(state: readonly number[], view: DataView, offset: number): number[] {
  let [a = 0, b = 0, c = 0, d = 0] = state
  for (let step = 0; step < 64; step++) {
    const round = step >> 4
    let word = step
    let mixed: number
    if (round === 0) {
      mixed = (b & c) | (~b & d)
    } else if (round === 1) {
      mixed = (d & b) | (~d & c)
      word = (5 * step + 1) % 16
    } else if (round === 2) {
      mixed = b ^ c ^ d
      word = (3 * step + 5) % 16
    } else {
      mixed = c ^ (b | ~d)
      word = (7 * step) % 16
    }
    const sum = (a + mixed + (SINES[step] ?? 0) + view.getInt32(offset + word * 4, true)) | 0
    const shift = SHIFTS[round * 4 + (step % 4)] ?? 0
    a = d
    d = c
    c = b
    b = (b + ((sum << shift) | (sum >>> (32 - shift)))) | 0
  }
  return [a, b, c, d]
}
