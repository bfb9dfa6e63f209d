/**
 * Kafka's IncrementalAlterConfigs (key 44): sets (operation 0), deletes (1), appends to (2) or subtracts
 * from (3) single configs (KIP-339).
 */
import {
  array,
  bool,
  int8,
  int16,
  int32,
  messages,
  nullableString,
  type RequestOf,
  type ResponseOf,
  string,
} from '../../core/kafka/schema.ts'

export const INCREMENTAL_ALTER_CONFIGS = messages({
  key: 44,
  name: 'IncrementalAlterConfigs',
  versions: [0, 1],
  flexibleSince: 1,
  request: {
    resources: array({
      resourceType: int8,
      resourceName: string,
      configs: array({ name: string, configOperation: int8, value: nullableString }),
    }),
    validateOnly: bool,
  },
  response: {
    throttleTimeMs: int32.or(0),
    responses: array({
      errorCode: int16,
      errorMessage: nullableString.or(null),
      resourceType: int8,
      resourceName: string,
    }),
  },
})

export type IncrementalAlterConfigsRequest = RequestOf<typeof INCREMENTAL_ALTER_CONFIGS>
export type IncrementalAlterConfigsResponse = ResponseOf<typeof INCREMENTAL_ALTER_CONFIGS>
