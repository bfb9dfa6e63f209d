/** The schemas of transactions that take several calls, and of those for operators. */
import { z } from '@hono/zod-openapi'
import {
  TRANSACTION_TIMEOUT_MS_DEFAULT,
  TRANSACTION_TIMEOUT_MS_MAX,
  TRANSACTIONAL_IDS_MAX,
} from '../../core/limits.ts'
import { CommitBody, whole } from '../group-schemas.ts'
import { wholeNumber } from '../schemas.ts'
import { TransactionalIdText } from './one-shot-schemas.ts'

const INT16_MAX = 32_767

export const TransactionParams = z.strictObject({ id: TransactionalIdText })

const producerIdMessage = 'a whole number below 2^62, as text, is allowed'

const producer = {
  producerId: z
    .string(producerIdMessage)
    .regex(/^\d{1,19}$/, producerIdMessage)
    .transform(BigInt)
    .refine((id) => id < 2n ** 62n, producerIdMessage)
    .openapi({ type: 'string', description: 'as text, because it exceeds 2^53' }),
  producerEpoch: whole(0, INT16_MAX),
}

export const InitBody = z
  .strictObject({
    timeoutMs: whole(1, TRANSACTION_TIMEOUT_MS_MAX).default(TRANSACTION_TIMEOUT_MS_DEFAULT),
    producerId: producer.producerId
      .optional()
      .openapi({ description: 'of a producer that continues' }),
    producerEpoch: producer.producerEpoch.optional(),
  })
  .openapi('TransactionalProducerInit')

export const EndBody = z.strictObject(producer).openapi('TransactionalProducer')

export const TransactionOffsetsBody = CommitBody.extend({
  ...producer,
  group: z.string(),
}).openapi('TransactionOffsets')

const producerOut = { producerId: z.string(), producerEpoch: z.int() }

export const InitResponse = z.object(producerOut).openapi('TransactionalProducerId')

export const EndResponse = z
  .object({
    ...producerOut,
    visible: z
      .boolean()
      .openapi({ description: 'false: some partitions and groups end it a little later' }),
  })
  .openapi('EndedTransaction')

export const TransactionResponse = z
  .object({
    id: z.string(),
    state: z.string().openapi({ example: 'Ongoing' }),
    ...producerOut,
    timeoutMs: z.int(),
    startedAtMs: z.int().nullable(),
    updatedAtMs: z.int(),
    partitions: z.array(z.object({ topic: z.string(), partition: z.int() })),
    groups: z.array(z.string()),
  })
  .openapi('TransactionDescription')

export const TransactionsQuery = z.strictObject({
  after: z.string().default(''),
  limit: wholeNumber(1, TRANSACTIONAL_IDS_MAX).default(100),
})

export const TransactionsResponse = z
  .object({ transactions: z.array(TransactionResponse), next: z.string().nullable() })
  .openapi('Transactions')
