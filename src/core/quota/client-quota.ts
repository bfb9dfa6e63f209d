/** Client quotas (KIP-546): who they are for, what they allow, and how they change. */
import { EdgelogError } from '../errors.ts'
import { CLIENT_QUOTA_NAME_LENGTH_MAX } from '../limits.ts'
import { shownValue } from '../shown-value.ts'
import { isIpAddress } from './ip-address.ts'

export const QUOTA_ENTITY_TYPES = ['client-id', 'ip', 'user'] as const
export type QuotaEntityType = (typeof QUOTA_ENTITY_TYPES)[number]

/** The name that is meant of each type; null: the default of the type, for names without a quota. */
export type QuotaEntity = { readonly [Type in QuotaEntityType]?: string | null }

/** By the names of quotas, such as `producer_byte_rate`. */
export type QuotaValues = { readonly [name: string]: number }
/** Null removes a quota. */
type QuotaChange = { readonly [name: string]: number | null }

export interface ClientQuota {
  readonly entity: QuotaEntity
  readonly values: QuotaValues
}

export interface QuotaAlteration {
  readonly entity: QuotaEntity
  readonly change: QuotaChange
}

interface QuotaKey {
  /** Null: any number, also with a fraction. */
  readonly wholeMax: number | null
}

const LONG: QuotaKey = { wholeMax: 2 ** 63 }
const INT: QuotaKey = { wholeMax: 2 ** 31 - 1 }
const DOUBLE: QuotaKey = { wholeMax: null }
/** How far a whole number may be off: Kafka's tolerance. */
const FRACTION_MAX = 1e-6

const IP_KEYS = new Map([['connection_creation_rate', INT]])
const USER_AND_CLIENT_KEYS = new Map([
  ['producer_byte_rate', LONG],
  ['consumer_byte_rate', LONG],
  ['request_percentage', DOUBLE],
  ['controller_mutation_rate', DOUBLE],
])

interface GivenEntityPart {
  readonly entityType: string
  readonly entityName: string | null
}

/** @throws {EdgelogError} `invalid_request`. */
export function parseQuotaEntity(parts: readonly GivenEntityPart[]): QuotaEntity {
  if (parts.length === 0) throw invalid('entity: it is empty; a type and a name are needed')
  const entity: { [Type in QuotaEntityType]?: string | null } = {}
  for (const { entityType, entityName } of parts) {
    const type = parseEntityType(entityType)
    if (type in entity) throw invalid(`entity: ${type} is there twice; once is allowed`)
    entity[type] = entityName === null ? null : parseEntityName(type, entityName)
  }
  if ('ip' in entity && parts.length > 1) {
    throw invalid('entity: ip is there with others; it is allowed alone')
  }
  return entity
}

function parseEntityType(text: string): QuotaEntityType {
  const type = QUOTA_ENTITY_TYPES.find((one) => one === text)
  if (type !== undefined) return type
  const allowed = QUOTA_ENTITY_TYPES.join(', ')
  throw invalid(`entity: there is no type ${shownValue(text)}; ${allowed} are allowed`)
}

function parseEntityName(type: QuotaEntityType, name: string): string {
  if (name.length < 1 || name.length > CLIENT_QUOTA_NAME_LENGTH_MAX) {
    const allowed = `1 to ${CLIENT_QUOTA_NAME_LENGTH_MAX} characters are allowed`
    throw invalid(`entity.${type}: it has ${name.length} characters; ${allowed}`)
  }
  if (type !== 'ip' || isIpAddress(name)) return name
  throw invalid(`entity.ip: ${shownValue(name)} is not an address of IPv4 or IPv6`)
}

interface GivenChange {
  readonly key: string
  readonly value: number
  readonly remove: boolean
}

/** @throws {EdgelogError} `invalid_request`. */
export function parseQuotaChange(entity: QuotaEntity, given: readonly GivenChange[]): QuotaChange {
  const change = new Map<string, number | null>()
  const keys = 'ip' in entity ? IP_KEYS : USER_AND_CLIENT_KEYS
  for (const { key: name, value, remove } of given) {
    if (change.has(name)) throw invalid(`ops: ${shownValue(name)} is named more than once`)
    const key = keys.get(name)
    if (key === undefined && !remove) {
      const allowed = [...keys.keys()].join(', ')
      throw invalid(`ops: ${shownValue(name)} is no quota of this entity; ${allowed} are allowed`)
    }
    // A name that is not known has no quota, so there is nothing to remove, as in a broker.
    if (key === undefined) continue
    if (!remove) checkValue(name, value, key)
    change.set(name, remove ? null : value)
  }
  return Object.fromEntries(change)
}

/** Kafka takes also what is not a number, or infinite: no rate can be compared with that. */
function checkValue(name: string, value: number, { wholeMax }: QuotaKey): void {
  if (!(value > 0 && Number.isFinite(value))) {
    throw invalid(`ops.${name}: it is ${value}; a number above 0 is needed`)
  }
  if (wholeMax === null) return
  const isWhole = Math.abs(value - Math.round(value)) <= FRACTION_MAX && value >= 1 - FRACTION_MAX
  if (!isWhole || value > wholeMax) {
    throw invalid(`ops.${name}: it is ${value}; a whole number up to ${wholeMax} is needed`)
  }
}

/** The quotas after a change; null: none is left. */
export function changedQuotas(before: QuotaValues, change: QuotaChange): QuotaValues | null {
  const kept = Object.entries({ ...before, ...change }).filter(
    (entry): entry is [string, number] => entry[1] !== null,
  )
  return kept.length === 0 ? null : Object.fromEntries(kept)
}

/** Distinguishes entities: the same types with the same names, in whatever order. */
export function quotaEntityKey(entity: QuotaEntity): string {
  return JSON.stringify(
    QUOTA_ENTITY_TYPES.flatMap((type) => (type in entity ? [[type, entity[type]]] : [])),
  )
}

function invalid(why: string): EdgelogError {
  return new EdgelogError('invalid_request', why)
}
