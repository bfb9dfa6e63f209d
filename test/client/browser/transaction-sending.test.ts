/** When a queued transaction is sent again, under which id, and when it is parked. */
import { afterEach, describe, expect, test } from 'vitest'
import { storedTransaction } from '../../../client/browser/outbox/stored-transaction.ts'
import { judge } from '../../../client/browser/outbox/transaction-sending.ts'
import { TRANSACTIONS_TOPIC } from '../../../client/browser/store/schema.ts'
import type { MessageOf } from '../../../client/browser/tabs/channel.ts'
import { RequestError } from '../../../client/http/request-error.ts'
import { TransactionAbortedError } from '../../../client/producer/transaction/transaction-error.ts'
import { EdgelogError, type ErrorCode } from '../../../src/core/errors.ts'
import { ManualClock } from '../manual-clock.ts'
import { setUpSender } from './sender-for-test.ts'

const HOUR_MS = 3_600_000
const closes: Array<() => Promise<void>> = []
afterEach(async () => {
  for (const close of closes.splice(0)) await close()
})

const committed = () => Response.json({ id: 'x', state: 'committed', visible: true, offsets: [] })

function abortedBy(code: ErrorCode): Response {
  const reason = new EdgelogError(code, 'm').toBody()
  const error = new EdgelogError('transaction_aborted', 'm', { details: { reason } }).toBody()
  return Response.json({ error }, { status: 409 })
}

/** Queues a transaction, and responds to each request with the next of `responses`. */
async function send(responses: Array<() => Response>, clock = new ManualClock()) {
  const ids: string[] = []
  const fetch = async (_: string, init?: RequestInit) => {
    const text = new TextDecoder().decode(init?.body as Uint8Array<ArrayBuffer>)
    ids.push((JSON.parse(text) as { id: string }).id)
    const respond = responses.shift()
    if (respond === undefined) throw new TypeError('no network')
    return respond()
  }
  const { store, sender, channel, close } = setUpSender(fetch, clock)
  closes.push(close)
  const messages: string[] = []
  channel.listen('acked', () => messages.push('acked'))
  channel.listen('parked', ({ error }: MessageOf<'parked'>) => messages.push(error.code))
  const record = storedTransaction('id', '[{"topic":"t","value":"v"}]', clock.now())
  await store.enqueue([{ topic: TRANSACTIONS_TOPIC, record, partition: 0 }])
  sender.start()
  sender.queued()
  /** Advances the clock until the condition holds. */
  const until = (isTrue: () => boolean) =>
    expect
      .poll(() => {
        clock.advance(200)
        return isTrue()
      })
      .toBe(true)
  return { ids, messages, until, sender, clock }
}

describe('a queued transaction', () => {
  test('is sent again under its id after a lost response', async () => {
    const lost = () => {
      throw new TypeError('lost')
    }
    const { ids, messages, until } = await send([lost, lost, committed])
    await until(() => messages.length > 0)
    expect(messages).toEqual(['acked'])
    expect(ids).toEqual(['id', 'id', 'id'])
  })

  test('is sent under another id after it was aborted for a passing reason', async () => {
    const aborts = [() => abortedBy('throttled'), () => abortedBy('unavailable')]
    const { ids, messages, until } = await send([...aborts, committed])
    await until(() => messages.length > 0)
    expect(messages).toEqual(['acked'])
    expect(ids).toEqual(['id', 'id.1', 'id.2'])
  })

  test('is parked after it was aborted for another reason', async () => {
    const { messages, until } = await send([() => abortedBy('invalid_timestamp')])
    await until(() => messages.length > 0)
    expect(messages).toEqual(['transaction_aborted'])
  })

  test('is parked if the log may have forgotten its id before a response arrived', async () => {
    const { ids, messages, until, sender, clock } = await send([])
    await until(() => ids.length > 0)
    clock.advance(24 * HOUR_MS)
    sender.hint()
    await until(() => messages.length > 0)
    expect(messages).toEqual(['unavailable'])
  })
})

describe('judge', () => {
  const refused = (code: ErrorCode, status: number, isForeign = false) =>
    new RequestError(code, 'm', { status, isForeign })
  test.each([
    ['no response', refused('unavailable', 0, true), 'again'],
    ['an overload', refused('throttled', 429), 'again'],
    ['a captive portal', refused('not_found', 404, true), 'again'],
    ['a rejected token', refused('unauthorized', 401), 'auth'],
    ['an unknown topic', refused('unknown_topic_or_partition', 404), 'park'],
    ['a record that is too large', refused('message_too_large', 413), 'park'],
    ['an abort by a deadline', new TransactionAbortedError('m', undefined), 'renew'],
  ])('decides on %s', (_, error, kind) => {
    expect(judge(error)).toMatchObject({ kind })
  })
})
