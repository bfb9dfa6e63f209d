/** Appends frames to an export file, which may have some already. */
import { type FileHandle, open, stat } from 'node:fs/promises'
import {
  type EndFrame,
  type ExportFrame,
  encodeFileHeader,
  encodeFrame,
  FILE_HEADER_BYTES,
  frameCrc,
} from './export-format.ts'
import { ExportState } from './export-state.ts'
import { CutFileError, readExport } from './read-export.ts'

export class ExportWriter {
  readonly #file: FileHandle
  readonly state: ExportState
  /** Where the next frame begins. */
  #position: number

  private constructor(file: FileHandle, state: ExportState, position: number) {
    this.#file = file
    this.state = state
    this.#position = position
  }

  /**
   * Opens a file behind its last whole frame; makes the file if there is none.
   *
   * @throws {Error} for a file that is damaged, of another version, or no export.
   */
  static async open(path: string): Promise<ExportWriter> {
    const isNew = await isMissingOrCutInHeader(path)
    const file = await open(path, isNew ? 'w+' : 'r+')
    try {
      if (isNew) {
        await writeAt(file, encodeFileHeader(), 0)
        return new ExportWriter(file, new ExportState(), FILE_HEADER_BYTES)
      }
      const { state, end } = await wholeFrames(file, path)
      await file.truncate(end)
      return new ExportWriter(file, state, end)
    } catch (error) {
      await file.close()
      throw error
    }
  }

  get sizeBytes(): number {
    return this.#position
  }

  async append(frame: ExportFrame): Promise<void> {
    const bytes = encodeFrame(frame)
    await writeAt(this.#file, bytes, this.#position)
    const fault = this.state.add(frame, frameCrc(bytes))
    if (fault !== undefined) throw new Error(`the export cannot go on: ${fault}`)
    this.#position += bytes.length
  }

  /** Writes the end frame, when all other frames are durable. */
  async end(): Promise<void> {
    await this.#file.sync()
    const { framesCount, checksum } = this.state
    await this.append({ type: 'end', framesCount, checksum } satisfies EndFrame)
    await this.#file.sync()
  }

  async close(): Promise<void> {
    await this.#file.close()
  }
}

/** Returns true also for the first bytes of an export that was interrupted at once. */
async function isMissingOrCutInHeader(path: string): Promise<boolean> {
  try {
    const { size } = await stat(path)
    if (size >= FILE_HEADER_BYTES) return false
    const file = await open(path, 'r')
    const bytes = await file.readFile().finally(() => file.close())
    const header = encodeFileHeader()
    return bytes.every((byte, at) => byte === header[at])
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true
    throw error
  }
}

async function wholeFrames(
  file: FileHandle,
  path: string,
): Promise<{ readonly state: ExportState; readonly end: number }> {
  let found = { state: new ExportState(), end: FILE_HEADER_BYTES }
  try {
    for await (const { state, end } of readExport(file, path)) found = { state, end }
  } catch (error) {
    if (!(error instanceof CutFileError)) throw error
  }
  return found
}

async function writeAt(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const rest = bytes.length - written
    const { bytesWritten } = await file.write(bytes, written, rest, position + written)
    written += bytesWritten
  }
}
