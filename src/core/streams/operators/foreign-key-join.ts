/**
 * Joins each row of a table with the row of another table that it refers to: `join` and `leftJoin` by foreign key. The
 * right table has other keys, so its rows are in other partitions, and the join is three nodes:
 *
 *     left task                    right task                        left task
 *     foreign-key-register   ->    foreign-key-subscribe       ->    foreign-key-resolve
 *       registers each left row      keeps the registrations by        joins the response with the
 *       by its foreign key           foreign key; responds with        left row, if it is still that
 *                                    the right row, and again          of the response
 *                                    whenever that changes
 */
import {
  type ForeignKeyResponse,
  isSameHash,
  type Registration,
  rowHash,
  type subscriptionSerde,
} from '../foreign-key-messages.ts'
import type { NodeBase } from '../node.ts'
import type { Operator, OperatorContext } from '../operator.ts'
import type { Serde } from '../serde.ts'
import { storeKey } from '../stores/key-value-store.ts'
import { bytesOfKey, keyOfBytes } from '../stores/leaf.ts'
import { windowPrefix } from '../stores/store-key.ts'
import type { KeyValueSpec } from '../stores/store-spec.ts'
import type { Change, StreamRecord } from '../stream-record.ts'

export interface ForeignKeyRegisterNode extends NodeBase {
  readonly kind: 'foreign-key-register'
  readonly isLeft: boolean
  /** Returns the key of the right row; null or undefined: it has none. */
  readonly foreignKey: (key: never, value: never) => unknown
  // biome-ignore lint/suspicious/noExplicitAny: a topology has records of many types
  readonly rightKey: Serde<any>
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly leftValue: Serde<any>
}

export function foreignKeyRegister(node: ForeignKeyRegisterNode, context: OperatorContext) {
  const { isLeft, foreignKey, rightKey, leftValue } = node
  const keyOf = (key: unknown, value: unknown) =>
    value === null ? null : (foreignKey(key as never, value as never) ?? null)
  return {
    process(record: StreamRecord) {
      const { key } = record
      const { newValue, oldValue } = record.value as Change
      if (newValue === null && oldValue === null) return
      const before = keyOf(key, oldValue)
      const after = keyOf(key, newValue)
      const hash = newValue === null ? null : rowHash(leftValue.serialize(newValue))
      const send = (to: unknown, isDeleted: boolean, responds: Registration['responds']) => {
        const { partition } = context
        const value: Registration = { hash, partition, primaryKey: key, isDeleted, responds }
        context.forward({ ...record, key: to, value })
      }
      const hasMoved =
        before !== null &&
        (after === null || storeKey(rightKey, before) !== storeKey(rightKey, after))
      if (isLeft) {
        if (hasMoved) send(before, true, 'never')
        // Without a foreign key too: the row is joined with null, or its result is deleted.
        send(after, after === null, 'always')
        return
      }
      if (after === null) {
        if (newValue !== null) context.drop('null key')
        if (before !== null) send(before, true, 'always')
        return
      }
      if (hasMoved) send(before, true, 'never')
      // After a move the old result must be deleted, even if no right row is found.
      send(after, false, hasMoved ? 'always' : 'if-found')
    },
  } satisfies Operator
}

export interface ForeignKeySubscribeNode extends NodeBase {
  readonly kind: 'foreign-key-subscribe'
  /** The registrations, then the right table. */
  readonly inputs: readonly [registrations: string, right: string]
  /** The registrations by foreign key and primary key. */
  readonly stores: readonly [KeyValueSpec]
  // biome-ignore lint/suspicious/noExplicitAny: a topology has records of many types
  readonly leftKey: Serde<any>
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly rightKey: Serde<any>
}

type Subscription = ReturnType<typeof subscriptionSerde.deserialize>

export function foreignKeySubscribe(node: ForeignKeySubscribeNode, context: OperatorContext) {
  const { leftKey, rightKey } = node
  const store = context.store(node.stores[0])
  const prefixOf = (foreignKey: unknown) => windowPrefix(storeKey(rightKey, foreignKey))

  const register = (record: StreamRecord) => {
    const { key: foreignKey, timestamp } = record
    const registration = record.value as Registration
    const { hash, partition, primaryKey, isDeleted, responds } = registration
    if (foreignKey !== null) {
      const name = bytesOfKey(prefixOf(foreignKey) + storeKey(leftKey, primaryKey))
      if (isDeleted) store.delete(name)
      else store.put(name, { hash, partition } satisfies Subscription, timestamp)
    }
    if (responds === 'never') return
    const found = foreignKey === null ? undefined : context.input(1).lookUp?.(foreignKey)
    if (found === undefined && responds === 'if-found') return
    const row = isDeleted ? null : (found?.value ?? null)
    const latest = Math.max(timestamp, found?.timestamp ?? timestamp)
    respond({ ...record, timestamp: latest }, primaryKey, { hash, partition, row })
  }

  const change = (record: StreamRecord) => {
    const prefix = prefixOf(record.key)
    const row = (record.value as Change).newValue
    for (const [name, { value }] of store.range(bytesOfKey(prefix))) {
      const text = keyOfBytes(name as Uint8Array)
      if (!text.startsWith(prefix)) return
      const primaryKey = leftKey.deserialize(bytesOfKey(text.slice(prefix.length)))
      respond(record, primaryKey, { ...(value as Subscription), row })
    }
  }

  const respond = (record: StreamRecord, key: unknown, value: ForeignKeyResponse) => {
    context.forward({ ...record, key, value })
  }

  return {
    process(record: StreamRecord, input: number) {
      if (input === 0) register(record)
      else change(record)
    },
  } satisfies Operator
}

export interface ForeignKeyResolveNode extends NodeBase {
  readonly kind: 'foreign-key-resolve'
  /** The responses, then the left table. */
  readonly inputs: readonly [responses: string, left: string]
  readonly joiner: (key: never, left: never, right: never) => unknown
  readonly isLeft: boolean
  // biome-ignore lint/suspicious/noExplicitAny: a topology has records of many types
  readonly leftValue: Serde<any>
}

export function foreignKeyResolve(node: ForeignKeyResolveNode, context: OperatorContext) {
  const { joiner, isLeft, leftValue } = node
  return {
    process(record: StreamRecord, input: number) {
      if (input === 1) return
      const { key } = record
      const { hash, row } = record.value as ForeignKeyResponse
      const left = context.input(1).lookUp?.(key)
      const current = left === undefined ? null : rowHash(leftValue.serialize(left.value))
      if (!isSameHash(hash, current)) return
      const hasResult = left !== undefined && (row !== null || isLeft)
      const value = hasResult ? joiner(key as never, left.value as never, row as never) : null
      context.forward({ ...record, value: value ?? null })
    },
  } satisfies Operator
}
