/** Checks the protocols that members of the classic protocol offer, and selects the group's protocol. */
import { EdgelogError } from '../../errors.ts'
import {
  CLASSIC_GROUP_BYTES_MAX,
  CLASSIC_METADATA_BYTES_MAX,
  CLASSIC_PROTOCOLS_MAX,
} from '../../limits.ts'
import type { ClassicProtocol, JoinGroupRequest } from '../classic-api.ts'
import type { ClassicGroup, ClassicMember } from './classic-group.ts'

type Offer = Pick<JoinGroupRequest, 'protocolType' | 'protocols'>

/** @throws {EdgelogError} `invalid_request` if there are too many protocols or they are too large. */
export function checkProtocolSizes(protocols: readonly ClassicProtocol[]): void {
  if (protocols.length > CLASSIC_PROTOCOLS_MAX) {
    throw new EdgelogError(
      'invalid_request',
      `protocols: at most ${CLASSIC_PROTOCOLS_MAX} are allowed, got ${protocols.length}`,
    )
  }
  const bytes = countProtocolBytes(protocols)
  if (bytes <= CLASSIC_METADATA_BYTES_MAX) return
  throw new EdgelogError(
    'invalid_request',
    `protocols: at most ${CLASSIC_METADATA_BYTES_MAX} bytes are allowed, got ${bytes}`,
  )
}

/**
 * Checks the offer of a member against those of the others. `ownId` is its id if it is a member already.
 *
 * @throws {EdgelogError} `inconsistent_group_protocol` if no protocol would be common to all;
 * `group_max_size_reached` if the offers would be too large to send to the leader.
 */
export function checkOffer(group: ClassicGroup, offer: Offer, ownId: string | null): void {
  if (offer.protocolType === '' || offer.protocols.length === 0) {
    throw inconsistentError('protocols: a protocol type and at least one protocol are needed')
  }
  if (group.members.size === 0) return
  if (offer.protocolType !== group.protocolType) {
    throw inconsistentError(
      `protocolType: must be ${group.protocolType}, the group's type; got ${offer.protocolType}`,
    )
  }
  const own = ownId === null ? undefined : group.members.get(ownId)
  if (own !== undefined && isSameOffer(own.protocols, offer.protocols)) return
  let bytes = countProtocolBytes(offer.protocols)
  let common = namesOf(offer.protocols)
  for (const member of group.members.values()) {
    if (member.memberId === ownId) continue
    bytes += countProtocolBytes(member.protocols)
    common = namesOf(member.protocols.filter(({ name }) => common.has(name)))
  }
  if (common.size === 0)
    throw inconsistentError('protocols: at least one must be offered by all members')
  if (bytes <= CLASSIC_GROUP_BYTES_MAX) return
  throw new EdgelogError(
    'group_max_size_reached',
    `protocols: at most ${CLASSIC_GROUP_BYTES_MAX} bytes are allowed for all members together`,
  )
}

/**
 * Returns the protocol of the next generation: among those that all members offer, the one with
 * the most votes. A member votes for the first of them in its list. In a tie the protocol wins
 * whose first voter has been a member longest.
 */
export function selectProtocol(members: Iterable<ClassicMember>): string {
  const all = [...members]
  let common: ReadonlySet<string> | undefined
  for (const { protocols } of all) {
    const among = common
    common = namesOf(among === undefined ? protocols : protocols.filter((p) => among.has(p.name)))
  }
  const votes = new Map<string, number>()
  for (const { protocols } of all) {
    const choice = protocols.find(({ name }) => common?.has(name))?.name
    if (choice !== undefined) votes.set(choice, (votes.get(choice) ?? 0) + 1)
  }
  let selected = ''
  for (const [name, count] of votes) {
    if (count > (votes.get(selected) ?? 0)) selected = name
  }
  return selected
}

/** Returns whether two offers have the same protocols in the same order, with identical bytes. */
export function isSameOffer(
  one: readonly ClassicProtocol[],
  other: readonly ClassicProtocol[],
): boolean {
  if (one.length !== other.length) return false
  return one.every(({ name, metadata }, index) => {
    const match = other[index]
    return match?.name === name && isSameBytes(metadata, match.metadata)
  })
}

export function isSameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index])
}

export function metadataOf(member: ClassicMember, protocolName: string): Uint8Array {
  return member.protocols.find(({ name }) => name === protocolName)?.metadata ?? new Uint8Array()
}

/** Returns whether both fit into a member's row. */
export function fitsRow(protocols: readonly ClassicProtocol[], assignment: Uint8Array): boolean {
  return countProtocolBytes(protocols) + assignment.length <= CLASSIC_METADATA_BYTES_MAX
}

function countProtocolBytes(protocols: readonly ClassicProtocol[]): number {
  return protocols.reduce((bytes, { name, metadata }) => bytes + name.length + metadata.length, 0)
}

function namesOf(protocols: readonly ClassicProtocol[]): ReadonlySet<string> {
  return new Set(protocols.map(({ name }) => name))
}

function inconsistentError(message: string): EdgelogError {
  return new EdgelogError('inconsistent_group_protocol', message)
}
