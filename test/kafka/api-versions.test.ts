/** The features in ApiVersions, and the responses to changing them. */
import { expect, test } from 'vitest'
import { API_VERSIONS } from '../../src/kafka/apis/api-versions.ts'
import { UPDATE_FEATURES } from '../../src/kafka/apis/update-features.ts'
import { ask, brokerOf, callerOf } from './door.ts'

const caller = callerOf(brokerOf({}))

test.each([3, 4])('returns exactly the served features in v%i', async (version) => {
  const response = await ask(caller, API_VERSIONS, version, {})
  expect(response).toMatchObject({
    supportedFeatures: [
      { name: 'group.version', minVersion: 1, maxVersion: 1 },
      { name: 'metadata.version', minVersion: 30, maxVersion: 30 },
    ],
    finalizedFeaturesEpoch: 1,
    finalizedFeatures: [
      { name: 'group.version', minVersionLevel: 1, maxVersionLevel: 1 },
      { name: 'metadata.version', minVersionLevel: 30, maxVersionLevel: 30 },
    ],
    zkMigrationReady: false,
  })
})

test('returns the feature of transactions, under a later epoch, where they are served', async () => {
  const withTransactions = callerOf(brokerOf({ transaction: () => ({}) }))
  const response = await ask(withTransactions, API_VERSIONS, 4, {})
  expect(response?.finalizedFeaturesEpoch).toBe(2)
  expect(response?.finalizedFeatures).toContainEqual({
    ...{ name: 'transaction.version', maxVersionLevel: 2, minVersionLevel: 2 },
  })
  const featureUpdates = [{ feature: 'transaction.version', maxVersionLevel: 2 }]
  const updated = await ask(withTransactions, UPDATE_FEATURES, 2, { featureUpdates })
  expect(updated?.errorCode).toBe(0)
  expect((await ask(caller, UPDATE_FEATURES, 2, { featureUpdates }))?.errorCode).toBe(95)
})

test('returns no features in a version without the field', async () => {
  const response = await ask(caller, API_VERSIONS, 2, {})
  expect(response).toMatchObject({ supportedFeatures: [], finalizedFeaturesEpoch: -1 })
})

const INVALID_UPDATE_VERSION = 95
const UPGRADE = 1

async function update(
  version: number,
  ...updates: Array<[feature: string, level: number, type?: number]>
) {
  const featureUpdates = updates.map(([feature, maxVersionLevel, upgradeType = UPGRADE]) => {
    return { feature, maxVersionLevel, upgradeType }
  })
  return await ask(caller, UPDATE_FEATURES, version, { featureUpdates })
}

test.each([
  ['upgrade', 1],
  ['safe downgrade', 2],
  ['unsafe downgrade', 3],
])('accepts an %s to the current level of a feature', async (_, type) => {
  const response = await update(1, ['group.version', 1, type], ['metadata.version', 30, type])
  expect(response).toMatchObject({
    errorCode: 0,
    errorMessage: null,
    results: [
      { feature: 'group.version', errorCode: 0 },
      { feature: 'metadata.version', errorCode: 0 },
    ],
  })
})

test.each([
  ['group.version', 2, UPGRADE, 'Local controller 1 only supports versions 1-1'],
  ['group.version', 0, 2, 'Local controller 1 only supports versions 1-1'],
  ['group.version', -1, UPGRADE, 'A feature version cannot be less than 0.'],
  ['group.version', 1, 7, 'The controller does not support the given upgrade type.'],
  ['transaction.version', 2, UPGRADE, 'Local controller 1 does not support this feature.'],
])('refuses %s at level %i by upgrade type %i', async (feature, level, type, why) => {
  const response = await update(2, ['metadata.version', 30], [feature, level, type])
  expect(response).toMatchObject({
    errorCode: INVALID_UPDATE_VERSION,
    errorMessage: `The update failed for all features since the following feature had an error: Invalid update version ${level} for feature ${feature}. ${why}`,
    results: [],
  })
})

test('rejects a feature with a name of maximum length', async () => {
  const response = await update(2, ['x'.repeat(32_767), 1])
  expect(response).toMatchObject({ errorCode: INVALID_UPDATE_VERSION })
})
