/** A tiered partition: what is copied to R2, what leaves the partition, and what is deleted, also when R2 fails. */
import { reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, test } from 'vitest'
import { unwrap } from '../../../src/core/errors.ts'
import {
  append,
  chunkRows,
  largeBatch,
  maintain,
  newPartition,
  partition,
  range,
} from './partition-for-test.ts'

const KIB = 1024
const TIERED = { 'remote.storage.enable': 'true', 'segment.bytes': '1048576' }

afterEach(async () => {
  await reset()
})

async function describeOf(name: string) {
  return unwrap(await partition(name).describe())
}

async function objectKeys(): Promise<string[]> {
  return (await env.REMOTE_LOG.list()).objects.map(({ key }) => key)
}

/** Appends records of 100 KiB, each in a chunk of its own. */
async function fill(name: string, count: number, timestamp?: number) {
  for (const _ of range(count))
    await append(name, largeBatch(100 * KIB, timestamp === undefined ? {} : { timestamp }))
}

describe('copying', () => {
  test('copies sealed chunks to R2 and takes them out of the partition', async () => {
    const name = await newPartition({ ...TIERED, 'local.retention.bytes': '1' })
    await fill(name, 40)
    await maintain(name)
    const keys = await objectKeys()
    expect(await describeOf(name)).toMatchObject({ logStartOffset: 0, highWatermark: 40 })
    expect((await chunkRows(name)).length).toBeLessThan(15)
    expect(keys.length).toBe(3)
  })
})
