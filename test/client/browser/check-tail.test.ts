/** The search for records whose acknowledgement was lost. */
import { expect, test } from 'vitest'
import { checkTail } from '../../../client/browser/outbox/check-tail.ts'
import type { ProducerRow } from '../../../client/browser/store/schema.ts'
import { encodeBatch } from '../../../src/core/batch/batch-builder.ts'
import { assignOffset } from '../../../src/core/batch/record-batch.ts'
import { ManualClock } from '../manual-clock.ts'

const PRODUCER: ProducerRow = {
  ...{ topic: 't', partition: 0, producerId: 7n, epoch: 0, epochStart: 0 },
  ...{ firstPosition: 0, nextPosition: 1, pendingBytes: 1, ackedEndOffset: 0, acks: [], moves: [] },
}
const ACK = { position: 0, recordsCount: 1, logAppendTime: null }

/** Sets up a log with one record per batch and one batch per response; the searched batch is at `ownOffset`. */
function setUp(endOffset: number, ownOffset: number) {
  const server = { asked: [] as string[], startOffset: 0, failsAt: -1 }
  const fetch = async (input: string): Promise<Response> => {
    const asked = new URL(input).searchParams.get('offset') ?? ''
    server.asked.push(asked)
    const offset = asked === 'earliest' ? server.startOffset : Number(asked)
    if (offset === server.failsAt) throw new TypeError('network error')
    if (offset < server.startOffset) {
      const error = { code: 'offset_out_of_range', message: asked, retryable: false }
      return Response.json({ error }, { status: 400 })
    }
    const producerId = offset === ownOffset ? 7n : 8n
    const stamp = { producerId, producerEpoch: 0, baseSequence: 0 }
    const batch = encodeBatch([{ timestamp: 0, key: null, value: null, headers: [] }], stamp)
    assignOffset(batch, 0, offset, 0)
    const headers = {
      'edgelog-offset': `${offset}`,
      'edgelog-next-offset': `${offset + 1}`,
      'edgelog-high-watermark': `${endOffset}`,
      'edgelog-last-stable-offset': `${endOffset}`,
    }
    return new Response(batch as BodyInit, { headers })
  }
  const clock = new ManualClock()
  const connection = { url: 'https://fake', token: undefined, fetch, clock, random: () => 0.5 }
  const check = (producer = PRODUCER) =>
    checkTail(connection, producer, new AbortController().signal)
  return { server, check }
}

test('the search continues where it failed, with its previous results', async () => {
  const { server, check } = setUp(6, 1)
  server.failsAt = 3
  await expect(check()).rejects.toMatchObject({ code: 'unavailable' })
  server.failsAt = 5
  await expect(check()).rejects.toMatchObject({ code: 'unavailable' })
  server.failsAt = -1
  expect(await check()).toEqual([{ ...ACK, baseOffset: 1 }])
  expect(server.asked.join()).toBe('0,1,2,3,3,4,5,5')
  // The next search starts again.
  expect(await check()).toEqual([{ ...ACK, baseOffset: 1 }])
  expect(server.asked.slice(8).join()).toBe('0,1,2,3,4,5')
})

test('the search stops after a bounded number of requests, so that other partitions get their turn', async () => {
  const { server, check } = setUp(70, 69)
  await expect(check()).rejects.toMatchObject({ code: 'unavailable' })
  expect(server.asked).toHaveLength(32)
  await expect(check()).rejects.toMatchObject({ code: 'unavailable' })
  expect(await check()).toEqual([{ ...ACK, baseOffset: 69 }])
  expect(server.asked).toHaveLength(70)
})

test('the search restarts for another epoch, and after later acknowledgements', async () => {
  const { server, check } = setUp(6, 5)
  server.failsAt = 3
  await expect(check()).rejects.toThrow()
  server.failsAt = 1
  await expect(check({ ...PRODUCER, epoch: 1 })).rejects.toThrow()
  expect(server.asked.slice(4).join()).toBe('0,1')
  server.failsAt = -1
  expect(await check({ ...PRODUCER, ackedEndOffset: 4 })).toEqual([{ ...ACK, baseOffset: 5 }])
  expect(server.asked.slice(6).join()).toBe('4,5')
})

test('the search starts at the log start if that has moved', async () => {
  const { server, check } = setUp(6, 4)
  server.failsAt = 2
  await expect(check()).rejects.toThrow()
  Object.assign(server, { failsAt: -1, startOffset: 3 })
  expect(await check()).toEqual([{ ...ACK, baseOffset: 4 }])
  expect(server.asked.slice(3).join()).toBe('2,earliest,4,5')
})
