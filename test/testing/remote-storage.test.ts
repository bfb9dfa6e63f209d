/** The broker for test suites has an emulated R2, so topics with remote storage work there too. */
import { expect, test } from 'vitest'
import { connect } from '../../client/index.ts'
import type { startEdgelog as StartEdgelog } from '../../client/testing/index.ts'
import { until } from '../support/until.ts'

const { startEdgelog } = (await import('../../dist/testing.js' as string)) as {
  startEdgelog: typeof StartEdgelog
}

test('keeps old records of a topic in R2, and deletes them with the topic', async () => {
  await using server = await startEdgelog()
  const log = connect({ url: server.url })
  const config = {
    'remote.storage.enable': true,
    'local.retention.bytes': 1,
    'segment.bytes': 1_048_576,
  }
  await log.admin.createTopic('old', { config })
  for (let index = 0; index < 30; index++) {
    await log.send('old', { value: `${index} `.padEnd(100_000, 'x') })
  }
  const verify = () => log.admin.verifyTier('old', 0)
  await until('objects are in R2', async () => (await verify()).objects > 0)
  expect(await verify()).toMatchObject({ damaged: [], orphans: [] })
  await log.admin.deleteTopic('old')
  await log.close()
})
