/**
 * Runs a tiered partition through any sequence of appends, alarms, evictions, deletions, changes of config and faults
 * of R2, and compares it with a model of what the log must have.
 */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { expect, vi } from 'vitest'
import { unwrap } from '../../../src/core/errors.ts'
import { REMOTE_IN_DOUBT_MS } from '../../../src/core/limits.ts'
import { Random } from '../../support/random.ts'
import {
  type BucketFault,
  FaultyBucket,
  objectKeys,
  remoteRows,
  useBucket,
} from './faulty-bucket.ts'
import {
  append,
  checkAge,
  configure,
  headersOf,
  largeBatch,
  maintain,
  newPartition,
  partition,
  range,
} from './partition-for-test.ts'
import { CHUNK_BYTES, describeOf, readWhole, TIERED } from './remote-for-test.ts'

const STEPS = 30
const FAULTS: readonly BucketFault[] = ['fail', 'lost', 'lie']

/** The log as it must be: the size of the batch at each offset. */
class Model {
  readonly name: string
  readonly #random: Random
  readonly #sizes: number[] = []
  logStartOffset = 0
  version = 1

  constructor(name: string, random: Random) {
    this.name = name
    this.#random = random
  }

  async append(): Promise<void> {
    for (const _ of range(1 + this.#random.below(12))) {
      const bytes = largeBatch(CHUNK_BYTES - this.#random.below(1_000))
      this.#sizes.push(bytes.length)
      await append(this.name, bytes)
    }
  }

  async deleteRecords(): Promise<void> {
    const offset = this.#random.below(this.#sizes.length + 1)
    unwrap(await partition(this.name).deleteRecords(offset))
    this.logStartOffset = Math.max(this.logStartOffset, offset)
  }

  async configure(): Promise<void> {
    this.version += 1
    const locals = ['1', '500000', '2000000', '-2']
    const local = locals[this.#random.below(locals.length)] ?? '-2'
    await configure(this.name, { ...TIERED, 'local.retention.bytes': local }, this.version)
  }

  /** Checks L1 and L2 of docs/GUARANTEES.md, and that each offset is counted once. */
  async check(): Promise<void> {
    const described = await describeOf(this.name)
    const { logStartOffset, highWatermark } = described
    expect({ logStartOffset, highWatermark }).toEqual({
      logStartOffset: this.logStartOffset,
      highWatermark: this.#sizes.length,
    })
    const headers = headersOf(await readWhole(this.name))
    const expected = range(this.#sizes.length - logStartOffset).map((index) => {
      const baseOffset = logStartOffset + index
      return { baseOffset, sizeBytes: this.#sizes[baseOffset] }
    })
    expect(headers.map(({ baseOffset, sizeBytes }) => ({ baseOffset, sizeBytes }))).toEqual(
      expected,
    )
    await this.#checkSizes()
  }

  /** Compares sizes with rows in one turn: an alarm may change both at any time. */
  async #checkSizes(): Promise<void> {
    await runInDurableObject(partition(this.name), async (instance, { storage: { sql } }) => {
      const describing = instance.describe()
      const sum = (query: string, ...values: number[]) =>
        Number(sql.exec<{ sum: number | null }>(query, ...values).one().sum)
      const local = sum('SELECT sum(length(bytes)) AS sum FROM chunk')
      const first = sql.exec<{ first: number | null }>(
        'SELECT min(base_offset) AS first FROM chunk',
      )
      const evicted = sum(
        'SELECT sum(size_bytes) AS sum FROM remote_segment WHERE end_offset <= ?',
        first.one().first ?? Number.MAX_SAFE_INTEGER,
      )
      const { sizeBytes, remote } = unwrap(await describing)
      expect(remote?.localBytes).toBe(local)
      expect(sizeBytes, 'each offset counts once').toBe(local + evicted)
    })
  }
}

/**
 * Leaves the clock faked.
 *
 * @param options.liesOften true if R2 confirms every second object that it does not have
 * @throws {Error} of an assertion that does not hold.
 */
export async function runTiered(seed: number, { liesOften = false } = {}): Promise<void> {
  const random = new Random(seed)
  const name = await newPartition({ ...TIERED, 'local.retention.bytes': '1' })
  const model = new Model(name, random)
  let nowMs = Date.now()
  for (const _ of range(STEPS)) {
    const bucket = new FaultyBucket()
    const faults = random.below(3) === 0 ? FAULTS : []
    bucket.faultOf = ({ operation }) => {
      if (liesOften && operation === 'put' && random.below(2) === 0) return 'lie'
      const fault = faults[random.below(8)]
      return operation !== 'put' && fault === 'lie' ? 'fail' : fault
    }
    bucket.onCall = async () => {
      if (random.below(6) === 0) await model.append()
      if (random.below(12) === 0) await model.deleteRecords()
    }
    await useBucket(name, bucket)
    const step = random.below(10)
    if (step < 4) await model.append()
    else if (step === 4) await model.deleteRecords()
    else if (step === 5) await model.configure()
    else if (step === 6) await evictDurableObject(partition(name))
    else {
      nowMs = Math.max(nowMs, Date.now()) + 1_000 * random.below(400)
      vi.useFakeTimers({ toFake: ['Date'], now: nowMs })
      await (step === 7 ? checkAge(name) : maintain(name))
    }
    await model.check()
  }
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + REMOTE_IN_DOUBT_MS + 1 })
  await evictDurableObject(partition(name))
  // An object that R2 only said it has is missed when its records are about to leave the partition.
  await configure(name, { ...TIERED, 'local.retention.ms': '0' }, model.version + 1)
  for (const _ of range(5)) await maintain(name)
  await model.check()
  const { live, changing } = await remoteRows(name)
  expect(changing).toEqual([])
  expect(await objectKeys(), 'no orphan, and no row without its object').toEqual(live)
  await partition(name).destroy()
  expect(await objectKeys()).toEqual([])
}
