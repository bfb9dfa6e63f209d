/**
 * The expected content of a partition, and the log as it was seen: once a batch was read or acknowledged, its bytes
 * must stay unchanged until retention deletes them.
 */
import { expect } from 'vitest'
import { batchBytes } from '../../../src/core/batch/record-batch.ts'
import { unwrap } from '../../../src/core/errors.ts'
import {
  headersOf,
  partition,
  readAll,
  sameBytes,
  tryRead,
  valuesOf,
} from './partition-for-test.ts'

/** One append call; `batches` are the values of each of its batches, unique in the whole run. */
export interface Operation {
  readonly batches: ReadonlyArray<readonly string[]>
  readonly producer?: { readonly id: number; readonly epoch: number; readonly sequence: number }
}

/** `undefined`: the response did not arrive, and the call took effect or did not. */
export type Outcome =
  | { readonly baseOffsets: readonly number[] }
  | { readonly code: string }
  | undefined

interface SeenBatch {
  readonly baseOffset: number
  readonly endOffset: number
  readonly bytes: Uint8Array
  readonly values: readonly string[]
}

export class LogModel {
  readonly name: string
  #seen: SeenBatch[] = []
  #logStartOffset = 0
  #endOffset = 0

  constructor(name: string) {
    this.name = name
  }

  get logStartOffset(): number {
    return this.#logStartOffset
  }

  get endOffset(): number {
    return this.#endOffset
  }

  get sizeBytes(): number {
    return this.#seen.reduce((sum, { bytes }) => sum + bytes.length, 0)
  }

  /** Returns the batches that a read from `offset` must begin with. */
  from(offset: number): readonly SeenBatch[] {
    return this.#seen.filter(({ endOffset }) => endOffset > offset)
  }

  /**
   * Reads the log and checks it against what was seen before (L1, L2, L3) and
   * against the calls since then (L1, L4, L5, P1).
   *
   * @returns for each call whether it is in the log, and where.
   */
  async check(
    calls: ReadonlyArray<readonly [Operation, Outcome]>,
  ): Promise<(number | undefined)[]> {
    const bytes = await readAll(this.name)
    const before = this.sizeBytes
    let position = 0
    for (const seen of this.#seen) {
      const now = bytes.subarray(position, position + seen.bytes.length)
      expect(sameBytes(now, seen.bytes), `offset ${seen.baseOffset} holds what it held`).toBe(true)
      position += seen.bytes.length
    }
    await this.#takeIn(bytes.slice(before))
    expect(unwrap(await partition(this.name).describe())).toEqual({
      partition: 0,
      logStartOffset: this.#logStartOffset,
      lastStableOffset: this.#endOffset,
      highWatermark: this.#endOffset,
      sizeBytes: bytes.length,
    })
    const found = calls.map(([operation, result]) => this.#place(operation, result))
    const values = this.#seen.flatMap((seen) => seen.values)
    expect(new Set(values).size, 'no value is there twice').toBe(values.length)
    return found
  }

  async #takeIn(bytes: Uint8Array): Promise<void> {
    for (const header of headersOf(bytes)) {
      expect(header.baseOffset, 'offsets are dense').toBe(this.#endOffset)
      const one = batchBytes(bytes, header)
      this.#endOffset = header.baseOffset + header.recordsCount
      const values = await valuesOf(one)
      this.#seen.push({
        baseOffset: header.baseOffset,
        endOffset: this.#endOffset,
        bytes: one,
        values,
      })
    }
  }

  #place({ batches }: Operation, result: Outcome): number | undefined {
    const first = this.#seen.findIndex(({ values }) => values[0] === batches[0]?.[0])
    if (first < 0) {
      expect(result === undefined || 'code' in result, 'what was acknowledged is there').toBe(true)
      const values = new Set(this.#seen.flatMap((seen) => seen.values))
      expect(
        batches.flat().some((value) => values.has(value)),
        'nothing is there in part',
      ).toBe(false)
      return undefined
    }
    const there = this.#seen.slice(first, first + batches.length)
    expect(there.map(({ values }) => values)).toEqual(batches)
    if (result !== undefined) {
      expect(result).toEqual({ baseOffsets: there.map(({ baseOffset }) => baseOffset) })
    }
    return there[0]?.baseOffset
  }

  /** Checks after retention that the log start only grew, to the start of a batch, and that a read below it fails. */
  async trimmed(retentionBytes: number): Promise<void> {
    const { logStartOffset } = unwrap(await partition(this.name).describe())
    expect(logStartOffset).toBeGreaterThanOrEqual(this.#logStartOffset)
    if (logStartOffset > this.#logStartOffset) {
      this.#logStartOffset = logStartOffset
      this.#seen = this.#seen.filter(({ endOffset }) => endOffset > logStartOffset)
      expect(this.#seen[0]?.baseOffset ?? this.#endOffset).toBe(logStartOffset)
      expect(this.sizeBytes).toBeGreaterThanOrEqual(retentionBytes)
    }
    if (logStartOffset > 0) {
      const details = { logStartOffset, highWatermark: this.#endOffset }
      expect(await tryRead(this.name, { offset: logStartOffset - 1 })).toMatchObject({
        error: { code: 'offset_out_of_range', details },
      })
    }
  }
}
