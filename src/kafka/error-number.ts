/**
 * From edgelog's refusals to Kafka's numbers. What fails for a while has as many numbers as there are
 * kinds of APIs: clients try again after those that a broker's API would answer, and give up at others.
 */
import { EdgelogError, ERRORS, type ErrorCode } from '../core/errors.ts'
import { KAFKA_ERROR_MESSAGE_LENGTH_MAX } from '../core/limits.ts'

export const NO_ERROR = 0
/** Of a topic in Metadata: clients ask for it again. */
export const LEADER_NOT_AVAILABLE = 5

/** What passes, as each kind of API says it; every client knows these there, and tries again. */
const PASSING = {
  /** NOT_LEADER_OR_FOLLOWER: after a look at the metadata. */
  partition: 6,
  /** REQUEST_TIMED_OUT: a batch may have been appended. */
  produce: 7,
  /** COORDINATOR_NOT_AVAILABLE: after a look for the coordinator. */
  group: 15,
  /** NOT_COORDINATOR: Java's consumer before 4.0 gives up at COORDINATOR_NOT_AVAILABLE here. */
  offsetFetch: 16,
  metadata: LEADER_NOT_AVAILABLE,
  /** REQUEST_TIMED_OUT. */
  admin: 7,
} as const

export type ApiKind = keyof typeof PASSING

/** Numbers that some client takes for final, or as no number of the API at all. */
const UNKNOWN_SERVER_ERROR = -1
const REQUEST_TIMED_OUT = 7
const THROTTLING_QUOTA_EXCEEDED = 89
const GENERAL = new Set<number>([
  UNKNOWN_SERVER_ERROR,
  REQUEST_TIMED_OUT,
  THROTTLING_QUOTA_EXCEEDED,
])
const OF_PARTITIONS = new Set<ApiKind>(['partition', 'produce'])

export interface ErrorFields {
  readonly errorCode: number
  readonly errorMessage: string
}

export interface ErrorNumbers {
  readonly numberOf: (code: ErrorCode) => number
  /** What a refusal is on the wire. Any other error is a defect and goes on up. */
  readonly errorNumber: (error: unknown) => number
  /** The number and the text, where a response has room for both. */
  readonly errorFields: (error: unknown) => ErrorFields
}

/** The numbers of one kind of API. */
export function errorNumbersOf(kind: ApiKind): ErrorNumbers {
  const ofCode = (code: ErrorCode) => {
    // What cannot be a topic is one that a partition's broker does not know.
    if (code === 'invalid_topic' && OF_PARTITIONS.has(kind)) {
      return numberOf('unknown_topic_or_partition')
    }
    const number = numberOf(code)
    return GENERAL.has(number) ? PASSING[kind] : number
  }
  return {
    numberOf: ofCode,
    errorNumber: (error) => ofCode(refusal(error).code),
    errorFields: (error) => {
      const { code, message } = refusal(error)
      return errorOf(ofCode(code), message)
    },
  }
}

/** An error with a number that no other door has, and a text that fits the wire. */
export function errorOf(errorCode: number, message: string): ErrorFields {
  return { errorCode, errorMessage: message.slice(0, KAFKA_ERROR_MESSAGE_LENGTH_MAX) }
}

function refusal(error: unknown): EdgelogError {
  if (error instanceof EdgelogError) return error
  throw error
}

/** Of a code that does not pass. */
export function numberOf(code: ErrorCode): number {
  return ERRORS[code].kafka
}

/** The refusal of `work`, or its result. */
export async function orError<T>(work: () => Promise<T>): Promise<T | EdgelogError> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof EdgelogError) return error
    throw error
  }
}
