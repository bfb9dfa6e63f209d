/**
 * Joins PNG images of one size into an animated PNG (PNG specification, third edition, section 11.3.4).
 *
 *     IHDR | acTL | fcTL IDAT | fcTL fdAT | fcTL fdAT ... | IEND
 */
import { crc32 } from '../../../src/core/compression/gzip/crc32.ts'

export interface Frame {
  readonly png: Uint8Array
  readonly showMs: number
}

interface Chunk {
  readonly type: string
  readonly data: Uint8Array
}

const SIGNATURE_BYTES = 8
/** The bytes of length, type and CRC. */
const CHUNK_OVERHEAD_BYTES = 12

export function joinFrames(frames: readonly Frame[]): Buffer {
  const [first] = frames
  if (first === undefined) throw new Error('frames: at least one is needed')
  const header = chunkOf(first.png, 'IHDR')
  const chunks: Chunk[] = [header, { type: 'acTL', data: numbers(frames.length, 0) }]
  let sequence = 0
  for (const [index, { png, showMs }] of frames.entries()) {
    if (Buffer.compare(chunkOf(png, 'IHDR').data, header.data) !== 0) {
      throw new Error(`frame ${index}: not of the size and colours of the first`)
    }
    const size = header.data.subarray(0, 8)
    const times = Buffer.alloc(6)
    times.writeUInt16BE(showMs, 0)
    times.writeUInt16BE(1_000, 2)
    const control = [numbers(sequence++), size, numbers(0, 0), times]
    chunks.push({ type: 'fcTL', data: Buffer.concat(control) })
    for (const { data } of chunksOf(png).filter(({ type }) => type === 'IDAT')) {
      if (index === 0) chunks.push({ type: 'IDAT', data })
      else chunks.push({ type: 'fdAT', data: Buffer.concat([numbers(sequence++), data]) })
    }
  }
  chunks.push({ type: 'IEND', data: new Uint8Array() })
  return Buffer.concat([first.png.subarray(0, SIGNATURE_BYTES), ...chunks.map(encode)])
}

function chunkOf(png: Uint8Array, wanted: string): Chunk {
  const chunk = chunksOf(png).find(({ type }) => type === wanted)
  if (chunk === undefined) throw new Error(`no ${wanted} in the image`)
  return chunk
}

function chunksOf(png: Uint8Array): Chunk[] {
  const bytes = Buffer.from(png)
  const chunks: Chunk[] = []
  for (let at = SIGNATURE_BYTES; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at)
    const data = bytes.subarray(at + 8, at + 8 + length)
    chunks.push({ type: bytes.toString('latin1', at + 4, at + 8), data })
    at += CHUNK_OVERHEAD_BYTES + length
  }
  return chunks
}

function encode({ type, data }: Chunk): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  return Buffer.concat([numbers(data.length), body, numbers(crc32(body))])
}

function numbers(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length)
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value >>> 0, 4 * index)
  return bytes
}
