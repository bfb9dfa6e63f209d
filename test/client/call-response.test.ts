/** Responses to calls of a session, from parts that may be cut anywhere. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CallResponse } from '../../client/session/call-response.ts'
import { concatenate } from '../../src/core/bytes/concatenate.ts'
import { encodeHeadAndBody } from '../../src/core/log/session-protocol.ts'

function encoded(head: object, body = new Uint8Array()): Uint8Array {
  return concatenate(encodeHeadAndBody(head, body))
}

test('are the same however their parts are cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 300 }),
      fc.array(fc.nat({ max: 400 }), { maxLength: 10 }),
      async (body, cuts) => {
        const bytes = encoded({ status: 200, headers: { 'edgelog-offset': '7' } }, body)
        const ends = [...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length]
        const call = new CallResponse()
        let at = 0
        for (const [index, end] of ends.toSorted((one, other) => one - other).entries()) {
          call.take(bytes.subarray(at, end), index === ends.length - 1)
          at = end
        }
        const response = await call.response
        expect([response.status, response.headers.get('edgelog-offset')]).toEqual([200, '7'])
        expect(new Uint8Array(await response.arrayBuffer())).toEqual(body)
        await call.over
      },
    ),
  )
})

test('have no body with status 204', async () => {
  const call = new CallResponse()
  call.take(encoded({ status: 204, headers: {} }), true)
  const response = await call.response
  expect([response.status, response.body]).toEqual([204, null])
})

test('are errors for calls that are refused', async () => {
  const call = new CallResponse()
  call.refuse(404, '{"error":{}}')
  const response = await call.response
  expect([response.status, await response.text()]).toEqual([404, '{"error":{}}'])
  await call.over
})

test('can be read while they arrive, and fail in the middle when they are lost', async () => {
  const call = new CallResponse()
  call.take(encoded({ status: 200, headers: {} }, Uint8Array.of(1)), false)
  const reader = (await call.response).body?.getReader()
  expect((await reader?.read())?.value).toEqual(Uint8Array.of(1))
  call.take(Uint8Array.of(2), false)
  expect((await reader?.read())?.value).toEqual(Uint8Array.of(2))
  call.fail(new Error('lost'))
  await expect(reader?.read()).rejects.toThrow('lost')
  await call.over
})

test('ignore what arrives after their reader has left, and are over with the last part', async () => {
  const call = new CallResponse()
  const response = call.response.catch((error) => error)
  call.abandon(new Error('no longer needed'))
  let isOver = false
  void call.over.then(() => {
    isOver = true
  })
  call.take(encoded({ status: 200, headers: {} }), false)
  expect(((await response) as Error).message).toBe('no longer needed')
  expect(isOver).toBe(false)
  call.take(Uint8Array.of(1), true)
  await call.over
})

test.each([
  [{ status: 99, headers: {} }, 'status'],
  [{ status: 600, headers: {} }, 'status'],
  [{ status: '200', headers: {} }, 'status'],
  [{ status: 200 }, 'headers'],
  [[1], 'object'],
])('reject the head %j, which has a wrong %s', (head, _what) => {
  expect(() => new CallResponse().take(encoded(head), true)).toThrow('a response with the head')
})

test('reject a last part in the middle of the head', () => {
  const bytes = encoded({ status: 200, headers: {} })
  expect(() => new CallResponse().take(bytes.subarray(0, 9), true)).toThrow()
  expect(() => new CallResponse().take(bytes.subarray(0, 2), true)).toThrow()
})
