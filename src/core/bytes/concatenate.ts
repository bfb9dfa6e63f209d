/** Joins chunks, `count` bytes in all. A single one is returned as it is. */
export function concatenate(chunks: readonly Uint8Array[], count: number): Uint8Array {
  const [first] = chunks
  if (chunks.length === 1 && first !== undefined) return first
  const bytes = new Uint8Array(count)
  let position = 0
  for (const chunk of chunks) {
    bytes.set(chunk, position)
    position += chunk.length
  }
  return bytes
}
