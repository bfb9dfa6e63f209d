/**
 * States with compacted logs, tables and objects in R2 that earlier releases wrote, opened by this one: `kept-logs.ts`
 * writes a new one. In both logs compaction has removed the offsets 0, 1, 2 and 4.
 */
import { describe, expect, test } from 'vitest'
import { copiedRecords } from '../cli/copied-records.ts'
import { until } from '../support/until.ts'
import { keptStates, useKeptState } from './kept-state.ts'

describe.each(await keptStates('.kept-logs.json'))('the state %s', (state) => {
  const kept = useKeptState(state)

  const recordsOf = (topic: string) => copiedRecords(kept.log, kept.url, topic)
  const shown = async (topic: string) =>
    (await recordsOf(topic)).map(({ offset, key, value }) => {
      return [offset, key, value === null ? null : value.slice(0, 5)]
    })
  const tableGet = (key: string) => fetch(`${kept.url}/v1/topics/prices/table/${key}`)

  test('has the records that compaction kept, at their offsets', async () => {
    expect(await shown('prices')).toEqual([
      [3, 'k0', 'k0 1'],
      [5, 'k2', 'k2 1'],
      [6, 'k1', null],
    ])
  })

  test('has the table, without the deleted key, and the table follows', async () => {
    expect(await (await tableGet('k0')).json()).toMatchObject({ offset: 3, value: 'k0 1' })
    expect((await tableGet('k1')).status).toBe(404)
    await kept.log.send('prices', { key: 'k1', value: 'back' })
    expect(await (await tableGet('k1')).json()).toMatchObject({ offset: 7, value: 'back' })
  })

  test('is compacted further', async () => {
    await kept.log.send('prices', { key: 'k0', value: 'k0 2' })
    await until('the former record of the key is gone', async () => {
      return (await recordsOf('prices')).every(({ offset }) => offset !== 3)
    })
    expect((await recordsOf('prices')).map(({ key }) => key)).toEqual(['k2', 'k1', 'k0'])
  })

  test('has the records that are in R2, with their holes, and the ones behind them', async () => {
    expect(await shown('moved')).toEqual([
      [3, 'k0', 'k0 1'],
      [5, 'k2', 'k2 1'],
      [6, 'k1', null],
      [7, 'large', 'xxxxx'],
      [8, null, 'local'],
    ])
    const { partitionDetails } = await kept.log.admin.describeTopic('moved')
    expect(partitionDetails?.[0]?.remote?.localStartOffset).toBe(8)
  })

  test('has the objects of R2 that its rows name, and deletes them with the topic', async () => {
    expect(await kept.log.admin.verifyTier('moved', 0, { data: true })).toMatchObject({
      objects: 1,
      damaged: [],
      orphans: [],
    })
    await kept.log.admin.deleteTopic('moved')
    const names = (await kept.log.admin.listTopics()).map(({ name }) => name)
    expect(names).toEqual(['prices'])
  })
})
