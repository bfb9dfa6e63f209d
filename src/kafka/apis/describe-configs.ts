/**
 * Kafka's DescribeConfigs (key 32): the configs of topics (resource type 2), brokers (4) and others. No
 * keys (null) stands for all.
 */
import {
  array,
  bool,
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

export const DESCRIBE_CONFIGS = messages({
  key: 32,
  name: 'DescribeConfigs',
  versions: [1, 4],
  flexibleSince: 4,
  request: {
    resources: array({
      resourceType: int8,
      resourceName: string,
      configurationKeys: nullableArray(string),
    }),
    includeSynonyms: bool.or(false),
    includeDocumentation: bool.in('3+').or(false),
  },
  response: {
    throttleTimeMs: int32.or(0),
    results: array({
      errorCode: int16,
      errorMessage: nullableString.or(null),
      resourceType: int8,
      resourceName: string,
      configs: array({
        name: string,
        value: nullableString,
        readOnly: bool,
        configSource: int8.or(-1),
        isSensitive: bool,
        synonyms: array({ name: string, value: nullableString, source: int8 }).or([]),
        configType: int8.in('3+').or(0),
        documentation: nullableString.in('3+').or(null),
      }),
    }),
  },
})

export type DescribeConfigsRequest = RequestOf<typeof DESCRIBE_CONFIGS>
export type DescribeConfigsResponse = ResponseOf<typeof DESCRIBE_CONFIGS>
