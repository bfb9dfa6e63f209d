/** Splits a stream of bytes into lines; buffers at most one line and one chunk. */
import { BATCH_BYTES_MAX } from '../../src/core/limits.ts'

const NEWLINE = 0x0a
const RETURN = 0x0d

/**
 * Yields the lines of a stream without their ends (LF or CRLF), in groups as they arrive;
 * the last line needs no end. A line is a view, valid until the next group is requested.
 *
 * @throws {Error} for a line that is too long for a batch
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
    // A copy, unlike Buffer's own `slice`: the stream may reuse the chunk.
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
