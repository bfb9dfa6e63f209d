/**
 * The features of the cluster (KIP-584), for ApiVersions and UpdateFeatures. Each is served at exactly
 * one level. `share.version` and `streams.version` are left out until edgelog serves them, because clients use
 * the features that are listed.
 */
import type { Broker } from '../broker/broker.ts'

export interface Feature {
  readonly name: string
  readonly level: number
}

const FEATURES: readonly Feature[] = [
  /** 1: the consumer protocol (KIP-848) is enabled. */
  { name: 'group.version', level: 1 },
  /** Kafka's 4.3-IV0. */
  { name: 'metadata.version', level: 30 },
]

/** 2: clients end transactions by KIP-890. Clients without it are served too. */
const TRANSACTIONS: Feature = { name: 'transaction.version', level: 2 }

/** Returns the features of a server: transactions need their binding. */
export function featuresOf(broker: Broker): readonly Feature[] {
  return broker.transactions.isServed ? [...FEATURES, TRANSACTIONS] : FEATURES
}

/** Grows by one with each change of the features: a client keeps the list with the largest epoch. */
export function featuresEpochOf(broker: Broker): number {
  return broker.transactions.isServed ? 2 : 1
}
