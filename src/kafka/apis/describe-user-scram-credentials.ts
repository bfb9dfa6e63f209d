/**
 * Kafka's DescribeUserScramCredentials (key 50): returns the users with SCRAM credentials (KIP-554). There are none,
 * but `kafka-configs --describe --entity-type users` sends this request.
 */
import {
  array,
  int8,
  int16,
  int32,
  messages,
  nullableArray,
  nullableString,
  type RequestOf,
  type ResponseOf,
  string,
} from '../../core/kafka/schema.ts'
import { clusterError } from '../cluster-error.ts'
import { errorOf, NO_ERROR } from '../error-number.ts'
import { handled } from '../handled.ts'

const RESOURCE_NOT_FOUND = 91
const DUPLICATE_RESOURCE = 92

export const DESCRIBE_USER_SCRAM_CREDENTIALS = messages({
  key: 50,
  name: 'DescribeUserScramCredentials',
  versions: [0, 0],
  flexibleSince: 0,
  request: {
    /** Null or empty: all. */
    users: nullableArray({ name: string }),
  },
  response: {
    throttleTimeMs: int32.or(0),
    errorCode: int16,
    errorMessage: nullableString.or(null),
    results: array({
      user: string,
      errorCode: int16,
      errorMessage: nullableString.or(null),
      credentialInfos: array({ mechanism: int8, iterations: int32 }),
    }),
  },
})

export type DescribeUserScramCredentialsRequest = RequestOf<typeof DESCRIBE_USER_SCRAM_CREDENTIALS>
export type DescribeUserScramCredentialsResponse = ResponseOf<
  typeof DESCRIBE_USER_SCRAM_CREDENTIALS
>

export const describeUserScramCredentialsApi = handled(
  DESCRIBE_USER_SCRAM_CREDENTIALS,
  async ({ users }, { broker }) => {
    const refusal = await clusterError(broker, 'describe')
    if (refusal !== undefined) return { ...refusal, results: [] }
    const counts = new Map<string, number>()
    for (const { name } of users ?? []) counts.set(name, (counts.get(name) ?? 0) + 1)
    const results = [...counts].map(([user, count]) => ({
      user,
      ...(count > 1 ? namedTwice(user) : withoutCredentials(user)),
      credentialInfos: [],
    }))
    return { errorCode: NO_ERROR, results }
  },
)

function withoutCredentials(user: string) {
  const why = `Attempt to describe a user credential that does not exist: ${user}`
  return errorOf(RESOURCE_NOT_FOUND, why)
}

function namedTwice(user: string) {
  const why = 'Cannot describe SCRAM credentials for the same user twice in a single request'
  return errorOf(DUPLICATE_RESOURCE, `${why}: ${user}`)
}
