/** Errors of calls to objects, as clients receive them. */
import { expect, test } from 'vitest'
import { type ObjectBindings, Objects } from '../../src/broker/objects.ts'
import { EdgelogError } from '../../src/core/errors.ts'
import { parseGroupId } from '../../src/core/group/group-id.ts'

const groupId = parseGroupId('group')

/** Makes objects that all behave like `call`. */
function objectsThat(call: () => Promise<unknown>): Objects {
  const stub = { call }
  const bindings = {
    COORDINATOR: { getByName: () => stub },
    GROUP: { getByName: () => stub },
    PARTITION: { idFromName: (name: string) => name, get: () => stub },
    TRANSACTION: { getByName: () => stub },
  }
  return new Objects(bindings as unknown as ObjectBindings)
}

type Call = Parameters<Objects['callPartition']>[1]
const call = (stub: unknown) => (stub as { call: Call }).call(stub as never)

/** Every way to call an object. */
const WAYS: Array<[string, (objects: Objects) => Promise<unknown>]> = [
  ['coordinate', (objects) => objects.coordinate(call)],
  ['callGroup', (objects) => objects.callGroup(groupId, call)],
  ['callPartition', (objects) => objects.callPartition(objects.partitionId('id', 0), call)],
  ['callTransaction', (objects) => objects.callTransaction('id/a', call)],
]

test.each(WAYS)('%s turns an overloaded object into throttled', async (_, reach) => {
  const objects = objectsThat(async () => {
    throw Object.assign(new Error('too many requests'), { overloaded: true })
  })
  await expect(reach(objects)).rejects.toMatchObject({ code: 'throttled' })
})

test.each(WAYS)('%s turns a lost response into unavailable', async (_, reach) => {
  const cause = new Error('network connection lost')
  const objects = objectsThat(async () => {
    throw cause
  })
  await expect(reach(objects)).rejects.toMatchObject({ code: 'unavailable', cause })
})

test.each(WAYS)('%s passes on an error that the call itself throws', async (_, reach) => {
  const error = new EdgelogError('invalid_request', 'wrong')
  const objects = objectsThat(async () => {
    throw error
  })
  await expect(reach(objects)).rejects.toBe(error)
})

test('throws errors of the coordinator and of a group, and returns those of a partition', async () => {
  const refusal = { error: new EdgelogError('policy_violation', 'too many').toBody() }
  const objects = objectsThat(async () => refusal)
  const code = { code: 'policy_violation' }
  await expect(objects.coordinate(call)).rejects.toMatchObject(code)
  await expect(objects.callGroup(groupId, call)).rejects.toMatchObject(code)
  expect(await objects.callPartition(objects.partitionId('id', 0), call)).toEqual(refusal)
})

test('reports a transaction as not found if the Worker has no binding for it', async () => {
  const objects = new Objects({} as ObjectBindings)
  expect(objects.hasTransactions).toBe(false)
  const calling = objects.callTransaction('id/a', async () => ({ ok: null }))
  await expect(calling).rejects.toMatchObject({ code: 'not_found' })
})
