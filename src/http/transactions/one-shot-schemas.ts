/** The schemas of a transaction in one call. */
import { z } from '@hono/zod-openapi'
import {
  ONE_SHOT_PARTICIPANTS_MAX,
  REQUEST_RECORDS_MAX,
  TRANSACTIONAL_ID_LENGTH_MAX,
} from '../../core/limits.ts'
import { CommitBody, offsetNumber, partitionNumber } from '../group-schemas.ts'
import { TopicRecordBody } from '../schemas.ts'

const idMessage = `text of 1 to ${TRANSACTIONAL_ID_LENGTH_MAX} characters without lone surrogates is allowed`

export const TransactionalIdText = z
  .string(idMessage)
  .min(1, idMessage)
  .max(TRANSACTIONAL_ID_LENGTH_MAX, idMessage)
  .refine((text) => text.isWellFormed(), idMessage)

/** Offsets of one group, under its member if it has members. */
export const GroupCommit = CommitBody.extend({ group: z.string() })

const participants = `at most ${ONE_SHOT_PARTICIPANTS_MAX} are allowed`

export const OneShotBody = z
  .strictObject({
    id: TransactionalIdText.optional().openapi({
      description: 'a repeat of the same body within 24 h gets the first result',
    }),
    records: z
      .array(TopicRecordBody.extend({ topic: z.string() }))
      .max(REQUEST_RECORDS_MAX, `at most ${REQUEST_RECORDS_MAX} records are allowed`)
      .default([]),
    offsets: z.array(GroupCommit).max(ONE_SHOT_PARTICIPANTS_MAX, participants).default([]),
    expect: z
      .array(
        z.strictObject({ topic: z.string(), partition: partitionNumber, nextOffset: offsetNumber }),
      )
      .max(ONE_SHOT_PARTICIPANTS_MAX, participants)
      .default([])
      .openapi({ description: 'aborts if the next offset of a partition is another one' }),
  })
  .openapi('Transaction')

export const OneShotResponse = z
  .object({
    id: z.string(),
    state: z.literal('committed'),
    visible: z
      .boolean()
      .openapi({ description: 'false: some partitions show the records a little later' }),
    offsets: z
      .array(z.object({ topic: z.string(), partition: z.int(), offset: z.int() }))
      .openapi({ description: 'of the first record of each partition; the others follow it' }),
  })
  .openapi('CommittedTransaction')
