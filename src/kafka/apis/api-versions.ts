/**
 * Kafka's ApiVersions (key 18): the first request of every connection, which returns the
 * served APIs and their versions (KIP-35). A request with an unsupported version gets the
 * response of version 0, with error 35 and only this API (KIP-511).
 */
import type { ByteWriter } from '../../core/bytes/byte-writer.ts'
import { writeResponseHeader } from '../../core/kafka/request-header.ts'
import {
  array,
  bool,
  int16,
  int32,
  long,
  type Messages,
  messages,
  type RequestOf,
  type ResponseOf,
  string,
  writeResponse,
} from '../../core/kafka/schema.ts'
import { NO_ERROR } from '../error-number.ts'
import { featuresEpochOf, featuresOf } from '../features.ts'
import { handled, type KafkaApi } from '../handled.ts'

const UNSUPPORTED_VERSION = 35

export const API_VERSIONS = messages({
  key: 18,
  name: 'ApiVersions',
  versions: [0, 4],
  flexibleSince: 3,
  request: {
    clientSoftwareName: string.in('3+').or(''),
    clientSoftwareVersion: string.in('3+').or(''),
  },
  response: {
    errorCode: int16,
    apiKeys: array({ apiKey: int16, minVersion: int16, maxVersion: int16 }),
    throttleTimeMs: int32.in('1+').or(0),
    supportedFeatures: array({ name: string, minVersion: int16, maxVersion: int16 }).tag(0, '3+'),
    /** 0 or more; -1 if unknown, and then clients ignore the finalized features. */
    finalizedFeaturesEpoch: long.or(-1).tag(1, '3+'),
    finalizedFeatures: array({
      name: string,
      maxVersionLevel: int16,
      minVersionLevel: int16,
    }).tag(2, '3+'),
    zkMigrationReady: bool.tag(3, '3+'),
  },
})

export type ApiVersionsRequest = RequestOf<typeof API_VERSIONS>
export type ApiVersionsResponse = ResponseOf<typeof API_VERSIONS>

export function apiVersionsApi(served: () => readonly Messages[]): KafkaApi {
  return handled(API_VERSIONS, async (_, { broker }) => ({
    errorCode: NO_ERROR,
    apiKeys: served().map((messages) => versionsOf(messages)),
    supportedFeatures: featuresOf(broker).map(({ name, level }) => ({
      name,
      minVersion: level,
      maxVersion: level,
    })),
    finalizedFeaturesEpoch: featuresEpochOf(broker),
    finalizedFeatures: featuresOf(broker).map(({ name, level }) => ({
      name,
      maxVersionLevel: level,
      minVersionLevel: level,
    })),
  }))
}

function versionsOf({ key, versions: [first, last], advertisedSince = first }: Messages) {
  return { apiKey: key, minVersion: advertisedSince, maxVersion: last }
}

/** Writes the response to an unsupported version, in version 0, which every client can read. */
export function appendUnsupportedVersion(writer: ByteWriter, correlationId: number): void {
  writeResponseHeader(writer, API_VERSIONS, 0, correlationId)
  const response = { errorCode: UNSUPPORTED_VERSION, apiKeys: [versionsOf(API_VERSIONS)] }
  writeResponse(API_VERSIONS, 0, response, writer)
}
