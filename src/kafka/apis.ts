/** The APIs that are offered; what is not offered is not advertised. */
import { API_VERSIONS, apiVersionsApi } from './apis/api-versions.ts'
import { fetchApi } from './apis/fetch.ts'
import { metadataApi } from './apis/metadata.ts'
import { produceApi } from './apis/produce.ts'
import type { KafkaApi } from './handled.ts'

const APIS: readonly KafkaApi[] = [
  produceApi,
  fetchApi,
  metadataApi,
  apiVersionsApi(() => APIS.map(({ messages }) => messages)),
]

const BY_KEY = new Map(APIS.map((api) => [api.messages.key, api]))

/** Those by which a client says who it is. */
const OPEN_TO_ALL = new Set<number>([API_VERSIONS.key])

export function apiOf(key: number): KafkaApi | undefined {
  return BY_KEY.get(key)
}

/** Whether it is answered before the caller has shown a token. */
export function isOpenToAll(key: number): boolean {
  return OPEN_TO_ALL.has(key)
}
