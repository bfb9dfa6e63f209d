/**
 * The features of the cluster (KIP-584), as ApiVersions answers them and UpdateFeatures checks them. Each is
 * served at one level, so that is all that is supported. `transaction.version`, `share.version` and
 * `streams.version` are left out until edgelog serves them: a client that finds them uses them.
 */

export interface Feature {
  readonly name: string
  readonly level: number
}

export const FEATURES: readonly Feature[] = [
  /** 1: the consumer protocol (KIP-848) is on. */
  { name: 'group.version', level: 1 },
  /** Kafka's 4.3-IV0. */
  { name: 'metadata.version', level: 30 },
]

/** Grows by one with each change of `FEATURES`: a client keeps the list with the largest epoch. */
export const FEATURES_EPOCH = 1
