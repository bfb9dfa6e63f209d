/** How a response that is not a success becomes an error. */
import { expect, test } from 'vitest'
import { refusalOf, unavailable } from '../../client/http/refusal.ts'
import { EdgelogError } from '../../src/core/errors.ts'

function ours(code: string, status: number): Response {
  return Response.json({ error: { code, message: 'why', retryable: false } }, { status })
}

test.each([
  ['a refusal of the log', ours('out_of_order_sequence_number', 409), false],
  ['a code that this client does not have yet', ours('brand_new_code', 422), false],
  ['a log that did not answer', ours('unavailable', 503), true],
  ['a queue that is full', ours('throttled', 429), false],
  ['a produce of which a part failed', ours('partly_appended', 500), true],
  ['a proxy without a server behind it', new Response('bad gateway', { status: 502 }), true],
  ['a proxy that gave up waiting', new Response('', { status: 408 }), true],
  ['a proxy that refuses', new Response('no', { status: 403 }), false],
])('says whether the call may have taken effect: %s', async (_, response, expected) => {
  expect((await refusalOf(response, 0)).mayHaveTakenEffect).toBe(expected)
})

test('says that a call without a response may have taken effect', () => {
  expect(unavailable(new TypeError('fetch failed')).mayHaveTakenEffect).toBe(true)
})

test('says so of errors that no server sent', () => {
  expect(new EdgelogError('invalid_record', 'why').mayHaveTakenEffect).toBe(false)
  expect(new EdgelogError('unavailable', 'why').mayHaveTakenEffect).toBe(true)
})
