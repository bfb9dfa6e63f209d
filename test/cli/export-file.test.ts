/** The file of an export: frames that are missing, moved, repeated or changed are found. */
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  type ExportFrame,
  encodeFileHeader,
  encodeFrame,
  frameCrc,
  nextChecksum,
} from '../../client/cli/backup/export-format.ts'
import { CutFileError, readExport } from '../../client/cli/backup/read-export.ts'
import { ExportWriter } from '../../client/cli/backup/write-export.ts'
import { concatenate } from '../../src/core/bytes/concatenate.ts'
import { runs, SEEDED } from '../support/seed.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edgelog-export-file-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const batches = new Uint8Array(7)
const FRAMES: readonly ExportFrame[] = [
  { type: 'start', isAll: true },
  {
    ...{ type: 'topic', name: 'a', topicId: 'id-a', config: { 'retention.ms': -1 } },
    ranges: [
      { from: 5, to: 20 },
      { from: 0, to: 3 },
    ],
  },
  { type: 'records', partition: 0, from: 5, to: 10, batches },
  { type: 'records', partition: 0, from: 10, to: 20, batches },
  { type: 'records', partition: 1, from: 0, to: 3, batches: new Uint8Array(0) },
  { type: 'topic', name: 'b', topicId: 'id-b', config: {}, ranges: [{ from: 2, to: 2 }] },
  {
    ...{ type: 'group', groupId: 'g' },
    offsets: [{ topic: 'a', partition: 0, offset: 7, metadata: 'm' }],
  },
]

function encodedWithEnd(frames: readonly ExportFrame[]): Uint8Array[] {
  const encoded = frames.map(encodeFrame)
  const checksum = encoded.map(frameCrc).reduce(nextChecksum, 0)
  return [...encoded, encodeFrame({ type: 'end', framesCount: frames.length, checksum })]
}

async function framesOf(bytes: Uint8Array): Promise<ExportFrame[]> {
  const path = join(folder, 'file')
  await writeFile(path, bytes)
  const file = await open(path, 'r')
  const frames: ExportFrame[] = []
  try {
    for await (const { frame } of readExport(file, 'file')) frames.push(frame)
    return frames
  } finally {
    await file.close()
  }
}

const fileOf = (frames: readonly Uint8Array[]) => concatenate([encodeFileHeader(), ...frames])

test('returns the frames that were written', async () => {
  const frames = await framesOf(fileOf(encodedWithEnd(FRAMES)))
  expect(frames.slice(0, -1)).toEqual(FRAMES)
  expect(frames.at(-1)).toMatchObject({ type: 'end', framesCount: FRAMES.length })
})

test('finds a frame that is missing, repeated or swapped', async () => {
  const encoded = encodedWithEnd(FRAMES)
  for (const index of encoded.keys()) {
    const missing = encoded.toSpliced(index, 1)
    await expect(framesOf(fileOf(missing)), `missing ${index}`).rejects.toThrow(
      /damaged|incomplete/,
    )
    const repeated = encoded.toSpliced(index, 0, encoded[index] as Uint8Array)
    await expect(framesOf(fileOf(repeated)), `repeated ${index}`).rejects.toThrow(/damaged/)
    if (index === 0) continue
    const [one, other] = [encoded[index - 1] as Uint8Array, encoded[index] as Uint8Array]
    const swapped = encoded.toSpliced(index - 1, 2, other, one)
    await expect(framesOf(fileOf(swapped)), `swapped ${index}`).rejects.toThrow(/damaged/)
  }
})

test('finds any changed bit, and any cut', async () => {
  const whole = fileOf(encodedWithEnd(FRAMES))
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: whole.length - 1 }),
      fc.integer({ min: 0, max: 7 }),
      async (at, bit) => {
        const changed = Uint8Array.from(whole)
        changed[at] = (changed[at] as number) ^ (1 << bit)
        await expect(framesOf(changed)).rejects.toThrow(
          /damaged|incomplete|not an export|version \d+/,
        )
        await expect(framesOf(whole.subarray(0, at))).rejects.toThrow(/incomplete|not an export/)
      },
    ),
    { ...SEEDED, numRuns: runs(300) },
  )
})

test('goes on behind the last whole frame, wherever a file is cut', async () => {
  const encoded = encodedWithEnd(FRAMES)
  const whole = fileOf(encoded)
  const path = join(folder, 'resumed')
  for (let length = 0; length < whole.length; length++) {
    await writeFile(path, whole.subarray(0, length))
    const writer = await ExportWriter.open(path)
    const written = writer.state.framesCount
    for (const frame of FRAMES.slice(written)) await writer.append(frame)
    await writer.end()
    await writer.close()
    const file = await open(path, 'r')
    expect(new Uint8Array(await file.readFile()), `cut at ${length}`).toEqual(whole)
    await file.close()
  }
})

test('reports a cut as such, so that an export may go on', async () => {
  const whole = fileOf(encodedWithEnd(FRAMES))
  await expect(framesOf(whole.subarray(0, whole.length - 1))).rejects.toThrow(CutFileError)
})

test('rejects frames whose content is not of this version, although their checksums match', async () => {
  const frames: readonly object[] = [
    { type: 'topic', name: 'a\u001b[2J', topicId: 'id', config: {}, ranges: [] },
    { type: 'topic', name: 'a', topicId: 'id', config: {}, ranges: [{ from: 0, to: '1' }] },
    { type: 'topic', name: 'a', topicId: 'id', config: {}, ranges: [null] },
    { type: 'topic', name: 'a', topicId: 'id', config: null, ranges: [] },
    { type: 'group', groupId: 1, offsets: [] },
  ]
  for (const frame of frames) {
    const encoded = encodedWithEnd([{ type: 'start', isAll: true }, frame as ExportFrame])
    await expect(framesOf(fileOf(encoded))).rejects.toThrow('not a frame of this version')
  }
})
