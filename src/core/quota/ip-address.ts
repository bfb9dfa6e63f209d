/** Returns whether a text is an address of IPv4 (four numbers) or IPv6 (RFC 4291, without a zone). */
export function isIpAddress(text: string): boolean {
  return IPV4.test(text) || isIpv6(text)
}

const BYTE = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
const IPV4 = new RegExp(`^${BYTE}(?:\\.${BYTE}){3}$`)
const GROUP = /^[0-9a-f]{1,4}$/i
const GROUPS = 8

function isIpv6(text: string): boolean {
  const halves = text.split('::')
  if (halves.length > 2) return false
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')))
  const last = groups.at(-1)
  // The last four bytes may be written in IPv4 form.
  const hasIpv4 = last !== undefined && IPV4.test(last) && !text.endsWith('::')
  const count = groups.length + (hasIpv4 ? 1 : 0)
  const plain = hasIpv4 ? groups.slice(0, -1) : groups
  // Two colons stand for one group or more.
  const hasAllGroups = halves.length === 2 ? count < GROUPS : count === GROUPS
  return hasAllGroups && plain.every((group) => GROUP.test(group))
}
