/** Cuts a stream of bytes into lines, holding no more than one line and one chunk. */
import { BATCH_BYTES_MAX } from '../../src/core/limits.ts'

const NEWLINE = 0x0a
const RETURN = 0x0d

/**
 * The lines of a stream without their ends (LF or CRLF), in groups as they come; the last needs no
 * end. A line is a view, good until the next group is asked for.
 *
 * @throws {Error} for a line that no batch could hold.
 */
export async function* readLines(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array[]> {
  let rest: Uint8Array = new Uint8Array(0)
  for await (const chunk of stream) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    const lines: Uint8Array[] = []
    let start = 0
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      lines.push(withoutReturn(bytes.subarray(start, end)))
      start = end + 1
    }
    // A copy, which a Buffer's own `slice` is not: the stream may use the chunk again.
    rest = new Uint8Array(bytes.subarray(start))
    if (rest.length > BATCH_BYTES_MAX) {
      throw new Error(`a line is longer than a record may be (${BATCH_BYTES_MAX} bytes)`)
    }
    if (lines.length > 0) yield lines
  }
  if (rest.length > 0) yield [withoutReturn(rest)]
}

function withoutReturn(line: Uint8Array): Uint8Array {
  return line.at(-1) === RETURN ? line.subarray(0, -1) : line
}
