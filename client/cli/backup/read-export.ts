/** Reads the frames of an export file, one at a time. */
import type { FileHandle } from 'node:fs/promises'
import {
  decodeFrame,
  EXPORT_VERSION,
  type ExportFrame,
  FILE_HEADER_BYTES,
  FRAME_HEAD_BYTES,
  frameCrc,
  frameSizeBytes,
  isIntact,
  versionOf,
} from './export-format.ts'
import { ExportState } from './export-state.ts'
import { EXPORT_FRAME_BYTES_MAX } from './limits.ts'

/** A file that ends within a frame or between two, as that of an export that was interrupted. */
export class CutFileError extends Error {}

export interface ReadFrame {
  readonly frame: ExportFrame
  /** The end of the frame in the file. */
  readonly end: number
  /** Sums up the file to the end of the frame. */
  readonly state: ExportState
}

/**
 * Yields the frames of a file, each checked.
 *
 * @throws {CutFileError} at the end of a file without an end frame.
 * @throws {Error} for a file that is damaged, of another version, or no export.
 */
export async function* readExport(file: FileHandle, name: string): AsyncGenerator<ReadFrame> {
  await checkFileHeader(file, name)
  const state = new ExportState()
  for (let position = FILE_HEADER_BYTES; ; ) {
    const head = await read(file, position, FRAME_HEAD_BYTES)
    if (head.length === 0 && state.isComplete) return
    if (head.length < FRAME_HEAD_BYTES) throw cutFile(name, position)
    const sizeBytes = frameSizeBytes(head)
    if (sizeBytes > EXPORT_FRAME_BYTES_MAX) throw damaged(name, position, 'a frame is too large')
    const bytes = await read(file, position, sizeBytes)
    if (bytes.length < sizeBytes) throw cutFile(name, position)
    if (!isIntact(bytes)) throw damaged(name, position, 'the checksum does not match')
    const frame = decodeFrame(bytes)
    if (frame === undefined) throw damaged(name, position, 'not a frame of this version')
    const fault = state.add(frame, frameCrc(bytes))
    if (fault !== undefined) throw damaged(name, position, fault)
    position += sizeBytes
    yield { frame, end: position, state }
  }
}

async function checkFileHeader(file: FileHandle, name: string): Promise<void> {
  const header = await read(file, 0, FILE_HEADER_BYTES)
  const version = versionOf(header)
  if (version === undefined) throw new Error(`${name}: not an export of edgelog`)
  if (version !== EXPORT_VERSION) {
    const why = `version ${version} of the export format; ${EXPORT_VERSION} is allowed`
    throw new Error(`${name}: ${why}`)
  }
}

/** Returns `sizeBytes` bytes, or fewer at the end of the file. */
async function read(file: FileHandle, position: number, sizeBytes: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(sizeBytes)
  let filled = 0
  while (filled < sizeBytes) {
    const { bytesRead } = await file.read(bytes, filled, sizeBytes - filled, position + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return bytes.subarray(0, filled)
}

function cutFile(name: string, position: number): CutFileError {
  return new CutFileError(`${name}: incomplete, it is cut at byte ${position}; export it again`)
}

function damaged(name: string, position: number, why: string): Error {
  return new Error(`${name}: damaged at byte ${position}: ${why}`)
}
