/**
 * The features of the cluster (KIP-584), for ApiVersions and UpdateFeatures. Each is served at exactly
 * one level. `transaction.version`, `share.version` and `streams.version` are left out until edgelog
 * serves them, because clients use the features that are listed.
 */

export interface Feature {
  readonly name: string
  readonly level: number
}

export const FEATURES: readonly Feature[] = [
  /** 1: the consumer protocol (KIP-848) is enabled. */
  { name: 'group.version', level: 1 },
  /** Kafka's 4.3-IV0. */
  { name: 'metadata.version', level: 30 },
]

/** Grows by one with each change of `FEATURES`: a client keeps the list with the largest epoch. */
export const FEATURES_EPOCH = 1
