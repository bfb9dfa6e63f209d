/**
 * Kafka's ApiVersions (key 18): the first request of every connection, by which a client learns which
 * APIs are served in which versions (KIP-35). A version that is not served is answered with the body
 * of version 0, error 35 and this API alone (KIP-511).
 */
import {
  array,
  bool,
  int16,
  int32,
  long,
  messages,
  type RequestOf,
  type ResponseOf,
  string,
} from '../../core/kafka/schema.ts'

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
    /** From 0 on; -1: not known, and then clients do not look at what is finalized. */
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
