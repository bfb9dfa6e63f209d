/**
 * Question: does a healthy client stay unaffected by broken, silent or many other clients?
 * Model: a client that never needs a retry. Generated: requests of every API in every version, valid and
 * broken.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteWriter } from '../../src/core/bytes/byte-writer.ts'
import type { Fields } from '../../src/core/kafka/field.ts'
import { writeRequestHeader } from '../../src/core/kafka/request-header.ts'
import { SASL_HANDSHAKE } from '../../src/core/kafka/sasl-messages.ts'
import { type Messages, writeRequest } from '../../src/core/kafka/schema.ts'
import { API_VERSIONS } from '../../src/kafka/apis/api-versions.ts'
import { fromHex } from '../core/kafka/hex.ts'
import { writtenStructs } from '../core/kafka/message-arbitraries.ts'
import { ALL_VERSIONS } from '../kafka/all-messages.ts'
import { GOLDEN_REQUESTS } from '../kafka/golden-requests.ts'
import { flips, mutations } from '../kafka/mutations.ts'
import { SEEDED, TEST_SEED } from '../support/seed.ts'
import { besideAHealthyClient } from './support/healthy-client.ts'
import { framed, RawConnection, requestFrame } from './support/raw-connection.ts'
import { useRawStage } from './support/raw-stage.ts'

const MUTANTS = 600
const AT_A_TIME = 16
const IDLE_CONNECTIONS = 1_000
const SILENCE_MS_MAX = 120_000
/** ApiVersions v0, the smallest request. */
const PING = requestFrame(API_VERSIONS, 0, {}, 777)

const raw = useRawStage()
const { open } = raw

function bodyOf(messages: Messages, apiVersion: number, request: Record<string, unknown>) {
  const writer = new ByteWriter()
  writeRequestHeader(writer, messages, { apiVersion, correlationId: 1, clientId: 'fuzz' })
  writeRequest(messages, apiVersion, request, writer)
  return writer.toBytes()
}

const requests = fc.oneof(
  fc.constantFrom(...GOLDEN_REQUESTS).map(({ hex }) => fromHex(hex)),
  fc
    .constantFrom(...ALL_VERSIONS)
    .chain(({ messages, version }) =>
      writtenStructs(messages.request as Fields, version).map((request) =>
        bodyOf(messages, version, request),
      ),
    ),
)

test(`every well-formed request gets a response (seed ${TEST_SEED})`, async () => {
  // A SASL handshake with an unknown mechanism also closes the connection.
  const others = ALL_VERSIONS.filter(({ messages }) => messages.key !== SASL_HANDSHAKE.key)
  const frames = others.flatMap(({ messages, version }) =>
    fc
      .sample(writtenStructs(messages.request as Fields, version), { ...SEEDED, numRuns: 3 })
      // With acks=0, a failed produce closes the connection.
      .filter(({ acks }) => acks !== 0)
      .map((request) => bodyOf(messages, version, request)),
  )
  const unanswered: string[] = []
  const next = frames.values()
  const sendAll = async () => {
    for (const frame of next) {
      if (!(await isSettled(frame))) unanswered.push(Buffer.from(frame).toString('hex'))
    }
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, sendAll))
  expect(unanswered).toEqual([])
}, 240_000)

/**
 * Returns true if the server also responds to the next request, false if it closes the connection.
 * @throws {Error} if it does neither in time.
 */
async function isSettled(body: Uint8Array): Promise<boolean> {
  const connection = await RawConnection.open(raw.stage.port)
  connection.send(Buffer.concat([framed(body), PING]))
  let isSilent = false
  const tooLate = setTimeout(() => {
    isSilent = true
    connection.close()
  }, SILENCE_MS_MAX)
  let frame = await connection.next()
  // After SaslHandshake v0 the next frame is taken as a token, and the response to it is empty.
  while (frame !== null && frame.length > 0 && frame.readInt32BE(0) !== 777) {
    frame = await connection.next()
  }
  clearTimeout(tooLate)
  connection.close()
  if (!isSilent) return frame !== null
  throw new Error(
    `no response, and the connection was not closed: ${Buffer.from(body).toString('hex')}`,
  )
}

describe('other clients', () => {
  test(`are unaffected by broken requests (seed ${TEST_SEED})`, async () => {
    const mutants = fc
      .sample(fc.tuple(requests, fc.oneof(flips, mutations)), { ...SEEDED, numRuns: MUTANTS })
      .map(([bytes, mutate]) => mutate(bytes))
    await besideAHealthyClient(raw.stage, async () => {
      let answered = 0
      const next = mutants.values()
      const sendAll = async () => {
        for (const mutant of next) if (await isSettled(mutant)) answered++
      }
      await Promise.all(Array.from({ length: AT_A_TIME }, sendAll))
      // Some mutants are still valid, most are not.
      expect(answered).toBeGreaterThan(MUTANTS / 10)
      expect(answered).toBeLessThan(MUTANTS)
    })
  }, 240_000)

  test(`are unaffected by ${IDLE_CONNECTIONS} silent connections, half of them within a frame`, async () => {
    await besideAHealthyClient(raw.stage, async () => {
      for (let count = 0; count < IDLE_CONNECTIONS; count += 100) {
        const some = await Promise.all(Array.from({ length: 100 }, open))
        for (const connection of some.slice(50)) connection.send(fromHex('00001000 0012'))
      }
      await sleep(200)
      const answers = raw.opened.slice(0, 20).map(async (connection) => {
        connection.send(PING)
        return (await connection.next())?.readInt32BE(0)
      })
      expect(await Promise.all(answers)).toEqual(Array.from({ length: 20 }, () => 777))
    })
  })

  test('are unaffected by a client that sends many requests and reads no response', async () => {
    await besideAHealthyClient(raw.stage, async () => {
      const connection = await open()
      connection.socket.pause()
      const requests = Buffer.concat(Array.from({ length: 500 }, () => PING))
      for (let times = 0; times < 20; times++) connection.send(requests)
      await sleep(500)
      connection.close()
    })
  })

  test('are unaffected by clients that close the connection within a frame', async () => {
    await besideAHealthyClient(raw.stage, async () => {
      for (let length = 1; length < PING.length; length++) {
        const connection = await open()
        connection.socket.end(PING.subarray(0, length))
        expect(await connection.next()).toBeNull()
      }
    })
  })
})
