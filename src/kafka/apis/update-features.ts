/**
 * Kafka's UpdateFeatures (key 57): changes the levels of features (KIP-584). Each feature is served at one level: an
 * update to that level changes nothing, any other is rejected.
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
import { NODE_ID } from '../broker-node.ts'
import { clusterError } from '../cluster-error.ts'
import { errorOf, NO_ERROR } from '../error-number.ts'
import { type Feature, featuresOf } from '../features.ts'
import { handled } from '../handled.ts'

const INVALID_UPDATE_VERSION = 95

/** Upgrade, safe downgrade, unsafe downgrade. */
const UPGRADE_TYPES = new Set([1, 2, 3])

export const UPDATE_FEATURES = messages({
  key: 57,
  name: 'UpdateFeatures',
  versions: [0, 2],
  flexibleSince: 0,
  request: {
    timeoutMs: int32.or(60_000),
    featureUpdates: array({
      feature: string,
      maxVersionLevel: int16,
      allowDowngrade: bool.in('0').or(false),
      /** One of `UPGRADE_TYPES`. */
      upgradeType: int8.in('1+').or(1),
    }),
    validateOnly: bool.in('1+').or(false),
  },
  response: {
    throttleTimeMs: int32.or(0),
    errorCode: int16,
    errorMessage: nullableString.or(null),
    results: array({ feature: string, errorCode: int16, errorMessage: nullableString.or(null) })
      .in('0-1')
      .or([]),
  },
})

export type UpdateFeaturesRequest = RequestOf<typeof UPDATE_FEATURES>
export type UpdateFeaturesResponse = ResponseOf<typeof UPDATE_FEATURES>

export const updateFeaturesApi = handled(
  UPDATE_FEATURES,
  async ({ featureUpdates }, { broker }) => {
    const refusal = await clusterError(broker, 'alter')
    if (refusal !== undefined) return refusal
    const [why] = featureUpdates.flatMap((update) => whyNot(update, featuresOf(broker)))
    if (why !== undefined) {
      const first = 'The update failed for all features since the following feature had an error'
      return errorOf(INVALID_UPDATE_VERSION, `${first}: ${why}`)
    }
    const results = featureUpdates.map(({ feature }) => ({ feature, errorCode: NO_ERROR }))
    return { errorCode: NO_ERROR, results }
  },
)

/** Returns why an update is rejected, with a controller's message; an empty list if it is accepted. */
function whyNot(
  update: UpdateFeaturesRequest['featureUpdates'][number],
  features: readonly Feature[],
): readonly string[] {
  const { feature: name, maxVersionLevel, upgradeType } = update
  const because = (why: string) => [
    `Invalid update version ${maxVersionLevel} for feature ${name}. ${why}`,
  ]
  if (!UPGRADE_TYPES.has(upgradeType)) {
    return because('The controller does not support the given upgrade type.')
  }
  const known = features.find((one) => one.name === name)
  if (known === undefined)
    return because(`Local controller ${NODE_ID} does not support this feature.`)
  if (maxVersionLevel < 0) return because('A feature version cannot be less than 0.')
  if (maxVersionLevel === known.level) return []
  return because(`Local controller ${NODE_ID} only supports versions ${known.level}-${known.level}`)
}
