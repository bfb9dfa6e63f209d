/** Helpers of the partition tests: a configured partition, batches of text, reading the results. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import type { Partition } from '../../../durable-objects/partition/partition.ts'
import { encodeBatch } from '../../../src/core/batch/batch-builder.ts'
import { decodeBatch } from '../../../src/core/batch/decode-records.ts'
import {
  type BatchHeader,
  readBatchHeaders,
  verifyCrc,
} from '../../../src/core/batch/record-batch.ts'
import { concatenate } from '../../../src/core/bytes/concatenate.ts'
import type { Codecs } from '../../../src/core/compression/codec.ts'
import { type ErrorBody, type Result, resultOf, unwrap } from '../../../src/core/errors.ts'
import { FETCH_BYTES_MAX } from '../../../src/core/limits.ts'
import type {
  AppendRequest,
  AppendResult,
  FetchRequest,
  FetchResult,
} from '../../../src/core/log/partition-api.ts'
import { resolveTopicConfig } from '../../../src/core/topic/topic-config.ts'
import { checksOf } from '../../support/batch-checks.ts'

const text = { encode: new TextEncoder(), decode: new TextDecoder() }
const NO_CODECS = {} as Codecs

/** Returns a new stub per call: one that met an abort stays broken. */
export function partition(name: string): DurableObjectStub<Partition> {
  return env.PARTITION.getByName(name)
}

let created = 0

/**
 * Makes an unused partition.
 *
 * @returns its name.
 */
export async function newPartition(overrides: Record<string, string> = {}): Promise<string> {
  created += 1
  const name = `topic-${created}/0`
  await configure(name, overrides)
  return name
}

export async function configure(
  name: string,
  overrides: Record<string, string> = {},
  version = 1,
): Promise<void> {
  const config = resolveTopicConfig(overrides)
  const [topicId = ''] = name.split('/')
  await partition(name).configure({ topicId, topic: topicId, partition: 0, version, config })
}

export interface BatchFields {
  readonly timestamp?: number
  readonly producerId?: bigint
  readonly producerEpoch?: number
  readonly baseSequence?: number
  readonly isTransactional?: boolean
}

export function batch(values: readonly string[], fields: BatchFields = {}) {
  const { timestamp = Date.now(), producerId, producerEpoch = 0, baseSequence = 0 } = fields
  const { isTransactional = false } = fields
  const records = values.map((value) => ({
    timestamp,
    key: null,
    value: text.encode.encode(value),
    headers: [],
  }))
  const producer =
    producerId === undefined ? {} : { producerId, producerEpoch, baseSequence, isTransactional }
  return encodeBatch(records, producer)
}

/** Makes a batch of one record whose value has `sizeBytes` bytes. */
export function largeBatch(sizeBytes: number, fields: BatchFields = {}) {
  return batch(['x'.repeat(sizeBytes)], fields)
}

export type AppendOptions = Partial<Omit<AppendRequest, 'batches'>>

export async function tryAppend(
  name: string,
  batches: Uint8Array | readonly Uint8Array[],
  options: AppendOptions = {},
): Promise<Result<AppendResult>> {
  const bytes = batches instanceof Uint8Array ? batches : concatenate(batches)
  return (await partition(name).append(appendRequest(bytes, options))) as Result<AppendResult>
}

/** Makes the request of a caller without special options. */
export function appendRequest(batches: Uint8Array, options: AppendOptions = {}): AppendRequest {
  return {
    batches,
    checks: isBatch(batches) ? checksOf(batches) : [],
    producerRules: 'resendable',
    ...options,
  }
}

/** Returns false for bytes that the partition must reject. */
function isBatch(bytes: Uint8Array): boolean {
  return 'ok' in resultOf(() => readBatchHeaders(bytes))
}

export async function append(...args: Parameters<typeof tryAppend>): Promise<AppendResult> {
  return unwrap(await tryAppend(...args))
}

/** Returns the code of an error, or `ok`. */
export function codeOf(result: Result<unknown>): ErrorBody['code'] | 'ok' {
  return 'error' in result ? result.error.code : 'ok'
}

export async function tryRead(
  name: string,
  options: Partial<FetchRequest> = {},
): Promise<Result<FetchResult>> {
  const isolation = 'committed'
  const limits = { maxBytes: FETCH_BYTES_MAX, minBytes: 1, maxWaitMs: 0 }
  const defaults = { offset: 0, ...limits, isolation } as const
  return (await partition(name).read({ ...defaults, ...options })) as Result<FetchResult>
}

export async function read(...args: Parameters<typeof tryRead>): Promise<FetchResult> {
  return unwrap(await tryRead(...args))
}

export interface StoredRecord {
  readonly offset: number
  readonly timestamp: number
  readonly value: string
}

/** Returns the headers of batches, after checking each checksum. */
export function headersOf(batches: Uint8Array): BatchHeader[] {
  if (batches.length === 0) return []
  const headers = readBatchHeaders(batches)
  for (const header of headers) verifyCrc(batches, header)
  return headers
}

export async function recordsOf(batches: Uint8Array): Promise<StoredRecord[]> {
  const records: StoredRecord[] = []
  for (const header of headersOf(batches)) {
    for (const { offset, timestamp, value } of await decodeBatch(batches, header, NO_CODECS)) {
      const decoded = text.decode.decode(value ?? new Uint8Array(0))
      records.push({ offset, timestamp, value: decoded })
    }
  }
  return records
}

export async function valuesOf(batches: Uint8Array): Promise<string[]> {
  return (await recordsOf(batches)).map(({ value }) => value)
}

/** Returns the bytes of the whole log, read in steps of `maxBytes`. */
export async function readAll(name: string, maxBytes = FETCH_BYTES_MAX): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for (let offset: number | 'earliest' = 'earliest'; ; ) {
    const result = await read(name, { offset, maxBytes })
    if (result.batches.length === 0) return concatenate(parts)
    parts.push(result.batches)
    offset = result.to
  }
}

/** Replaces `toEqual` for megabytes, which would compare and report them element by element. */
export function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index])
}

export interface ChunkRow {
  readonly baseOffset: number
  readonly endOffset: number
  readonly sizeBytes: number
}

export async function chunkRows(name: string): Promise<ChunkRow[]> {
  return await runInDurableObject(partition(name), (_, { storage }) =>
    storage.sql
      .exec<{ baseOffset: number; endOffset: number; sizeBytes: number }>(
        `SELECT base_offset AS baseOffset, end_offset AS endOffset, length(bytes) AS sizeBytes
         FROM chunk ORDER BY base_offset`,
      )
      .toArray(),
  )
}

export async function countRows(name: string, table: 'chunk' | 'producer'): Promise<number> {
  return await runInDurableObject(
    partition(name),
    (_, { storage }) =>
      storage.sql.exec<{ count: number }>(`SELECT count(*) AS count FROM ${table}`).one().count,
  )
}

export async function tableNames(name: string): Promise<string[]> {
  return await runInDurableObject(partition(name), (_, { storage }) =>
    storage.sql
      .exec<{ name: string }>(`SELECT name FROM sqlite_master WHERE name NOT LIKE '_cf_%'`)
      .toArray()
      .map((row) => row.name),
  )
}

export async function alarmTime(name: string): Promise<number | null> {
  return await runInDurableObject(partition(name), (_, { storage }) => storage.getAlarm())
}

/** Runs the alarm handler, whether the alarm is set or not. */
export async function maintain(name: string): Promise<void> {
  await runInDurableObject(partition(name), (instance) => instance.alarm())
}

/** Runs the alarm of an object that was asleep until then: it checks the age of records. */
export async function checkAge(name: string): Promise<void> {
  await evictDurableObject(partition(name))
  await maintain(name)
}

/** Sends many appends in one turn of the partition, so that they are sure to meet in its queue. */
export async function appendTogether(
  name: string,
  requests: ReadonlyArray<{ batches: Uint8Array } & AppendOptions>,
): Promise<Result<AppendResult>[]> {
  return (await runInDurableObject(partition(name), (instance) =>
    Promise.all(
      requests.map(({ batches, ...options }) => instance.append(appendRequest(batches, options))),
    ),
  )) as Result<AppendResult>[]
}

/** Returns the numbers from 0 up to, but not including, `count`. */
export function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index)
}
