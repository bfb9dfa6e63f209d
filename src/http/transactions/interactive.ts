/** The routes of transactions that take several calls, and of those for operators. */
import type { z } from '@hono/zod-openapi'
import { readJson } from '../../app/body.ts'
import { brokerOf } from '../../app/env.ts'
import { errorResponses, jsonResponses } from '../../app/responses.ts'
import { type App, addRoute, parseWith } from '../../app/route.ts'
import { NoParams, NoQuery } from '../../app/schemas.ts'
import { EdgelogError } from '../../core/errors.ts'
import { parseGroupId } from '../../core/group/group-id.ts'
import { GROUP_BODY_BYTES_MAX } from '../../core/limits.ts'
import type { ProducerIdAndEpoch } from '../../core/transaction/participant-api.ts'
import type { TransactionDescription } from '../../core/transaction/transaction-api.ts'
import { committingMember, parseOffset } from '../group-offsets.ts'
import { MEDIA_TYPES } from '../schemas.ts'
import {
  EndBody,
  EndResponse,
  InitBody,
  InitResponse,
  TransactionOffsetsBody,
  TransactionParams,
  TransactionResponse,
  TransactionsQuery,
  TransactionsResponse,
} from './interactive-schemas.ts'

const PATH = '/v1/transactions'

/** The version of the protocol that this door speaks: each transaction has an epoch of its own. */
const VERSION = 2

export function addTransactionRoutes(app: App): void {
  addProducerRoutes(app)
  addEndRoute(app, 'commit')
  addEndRoute(app, 'abort')
  addOperatorRoutes(app)
}

function addProducerRoutes(app: App): void {
  addRoute(
    app,
    {
      method: 'put',
      path: `${PATH}/{id}`,
      summary: 'Begin or continue as the producer of a transactional id; fences earlier ones',
      body: { content: { [MEDIA_TYPES.json]: { schema: InitBody } } },
      responses: jsonResponses(200, InitResponse, 'The id and epoch of the producer'),
    },
    { params: TransactionParams, query: NoQuery },
    async (c, { params }) => {
      const body = parseWith(InitBody, await readJson(c, GROUP_BODY_BYTES_MAX))
      const { transactions } = brokerOf(c)
      const producer = continuedProducer(body)
      return c.json(
        shownProducer(await transactions.initProducerId(params.id, body.timeoutMs, producer)),
      )
    },
  )

  addRoute(
    app,
    {
      method: 'post',
      path: `${PATH}/{id}/offsets`,
      summary: 'Commit offsets of a group when the transaction is committed',
      body: { content: { [MEDIA_TYPES.json]: { schema: TransactionOffsetsBody } } },
      responses: { 204: { description: 'The offsets are pending' }, ...errorResponses() },
    },
    { params: TransactionParams, query: NoQuery },
    async (c, { params }) => {
      const body = parseWith(TransactionOffsetsBody, await readJson(c, GROUP_BODY_BYTES_MAX))
      const { producerId, producerEpoch } = body
      const call = {
        transactionalId: params.id,
        producerId,
        producerEpoch,
        version: VERSION,
      } as const
      const offsets = body.offsets.map((one, index) => parseOffset(one, `offsets[${index}]`))
      const groupId = parseGroupId(body.group, 'group')
      await brokerOf(c).transactions.commitOffsets(call, groupId, committingMember(body), offsets)
      return c.body(null, 204)
    },
  )
}

function addEndRoute(app: App, outcome: 'commit' | 'abort'): void {
  addRoute(
    app,
    {
      method: 'post',
      path: `${PATH}/{id}/${outcome}`,
      summary: `${outcome === 'commit' ? 'Commit' : 'Abort'} the open transaction`,
      body: { content: { [MEDIA_TYPES.json]: { schema: EndBody } } },
      responses: jsonResponses(200, EndResponse, 'The producer of the next transaction'),
    },
    { params: TransactionParams, query: NoQuery },
    async (c, { params }) => {
      const { producerId, producerEpoch } = parseWith(
        EndBody,
        await readJson(c, GROUP_BODY_BYTES_MAX),
      )
      const call = {
        transactionalId: params.id,
        producerId,
        producerEpoch,
        version: VERSION,
      } as const
      const { isComplete, ...next } = await brokerOf(c).transactions.end(call, outcome)
      return c.json({ ...shownProducer(next), visible: isComplete })
    },
  )
}

function addOperatorRoutes(app: App): void {
  addRoute(
    app,
    {
      method: 'get',
      path: PATH,
      summary: 'List the transactional ids, page by page',
      responses: jsonResponses(200, TransactionsResponse, 'A page'),
    },
    { params: NoParams, query: TransactionsQuery },
    async (c, { query }) => {
      const { transactions, next } = await brokerOf(c).transactionAdmin.listPage(query)
      return c.json({ transactions: transactions.map(shownTransaction), next })
    },
  )

  addRoute(
    app,
    {
      method: 'get',
      path: `${PATH}/{id}`,
      summary: 'Describe the producer of a transactional id and its transaction',
      responses: jsonResponses(200, TransactionResponse, 'The transaction'),
    },
    { params: TransactionParams, query: NoQuery },
    async (c, { params }) =>
      c.json(shownTransaction(await brokerOf(c).transactionAdmin.describe(params.id))),
  )

  addRoute(
    app,
    {
      method: 'delete',
      path: `${PATH}/{id}`,
      summary: 'Abort the open transaction of another producer, and fence it',
      responses: { 204: { description: 'Aborted' }, ...errorResponses() },
    },
    { params: TransactionParams, query: NoQuery },
    async (c, { params }) => {
      await brokerOf(c).transactionAdmin.forceAbort(params.id)
      return c.body(null, 204)
    },
  )
}

function continuedProducer(body: z.output<typeof InitBody>): ProducerIdAndEpoch | undefined {
  const { producerId, producerEpoch } = body
  if (producerId === undefined && producerEpoch === undefined) return undefined
  if (producerId === undefined || producerEpoch === undefined) {
    const why = 'producerId and producerEpoch must be given together, or both omitted'
    throw new EdgelogError('invalid_request', `producerId: ${why}`)
  }
  return { producerId, producerEpoch }
}

function shownProducer({ producerId, producerEpoch }: ProducerIdAndEpoch) {
  return { producerId: String(producerId), producerEpoch }
}

function shownTransaction(one: TransactionDescription) {
  const { transactionalId: id, state, timeoutMs, startedAtMs, updatedAtMs, groups } = one
  const partitions = one.partitions.map(({ topic, partition }) => ({ topic, partition }))
  return {
    ...{ id, state, ...shownProducer(one), timeoutMs },
    ...{ startedAtMs: startedAtMs < 0 ? null : startedAtMs, updatedAtMs, partitions, groups },
  }
}
