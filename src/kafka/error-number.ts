/**
 * Maps edgelog's errors to Kafka's error numbers. A temporary error has a different number per kind of API: clients
 * retry only the numbers that a broker would return from that API, and give up at others.
 */
import { EdgelogError, ERRORS, type ErrorCode } from '../core/errors.ts'
import { KAFKA_ERROR_MESSAGE_LENGTH_MAX } from '../core/limits.ts'

export const NO_ERROR = 0
/** For a topic in Metadata: clients request it again. */
export const LEADER_NOT_AVAILABLE = 5

/** The number of a temporary error, per kind of API; every client supports it there and retries. */
const PASSING = {
  /** NOT_LEADER_OR_FOLLOWER: the client retries after a metadata refresh. */
  partition: 6,
  /** REQUEST_TIMED_OUT: a batch may have been appended. */
  produce: 7,
  /** COORDINATOR_NOT_AVAILABLE: the client looks the coordinator up again. */
  group: 15,
  /** NOT_COORDINATOR: Java's consumer before 4.0 gives up at COORDINATOR_NOT_AVAILABLE here. */
  offsetFetch: 16,
  metadata: LEADER_NOT_AVAILABLE,
  /** REQUEST_TIMED_OUT. */
  admin: 7,
} as const

export type ApiKind = keyof typeof PASSING

/** Numbers that some clients treat as permanent, or do not expect from the API. */
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
  /** Returns the number of an `EdgelogError`. Rethrows any other error. */
  readonly errorNumber: (error: unknown) => number
  /** Returns the number and the message, for responses that carry both. */
  readonly errorFields: (error: unknown) => ErrorFields
}

/** Returns the error numbers for one kind of API. */
export function errorNumbersOf(kind: ApiKind): ErrorNumbers {
  const ofCode = (code: ErrorCode) => {
    // For the partition APIs of a broker an invalid name is an unknown topic.
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

/** Makes an error with a number that only this door uses, and a message cut to the limit of the wire. */
export function errorOf(errorCode: number, message: string): ErrorFields {
  return { errorCode, errorMessage: message.slice(0, KAFKA_ERROR_MESSAGE_LENGTH_MAX) }
}

function refusal(error: unknown): EdgelogError {
  if (error instanceof EdgelogError) return error
  throw error
}

/** Returns the Kafka error number of a permanent error. */
export function numberOf(code: ErrorCode): number {
  return ERRORS[code].kafka
}

/** Returns the result of `work`, or its `EdgelogError`. */
export async function toResult<T>(work: () => Promise<T>): Promise<T | EdgelogError> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof EdgelogError) return error
    throw error
  }
}
