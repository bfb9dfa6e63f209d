/**
 * Keys of window and session stores. Windows of one key are adjacent and in order, and no key is a prefix of another:
 *
 *   window   key, 0x00 written as 0x00 0x01;  0x00 0x00;  start as int64
 *   session  key, 0x00 written as 0x00 0x01;  0x00 0x00;  end as int64;  start as int64
 */
const TERMINATOR = '\0\0'
const TIME_LENGTH = 8

/** Returns the prefix of all windows of a key. */
export function windowPrefix(key: string): string {
  return (key.includes('\0') ? key.replaceAll('\0', '\0\u0001') : key) + TERMINATOR
}

/** Returns the key of a prefix. */
export function keyOfPrefix(prefix: string): string {
  return prefix.slice(0, -TERMINATOR.length).replaceAll('\0\u0001', '\0')
}

/** Returns a time >= 0 as text in the order of times. */
export function timeText(timeMs: number): string {
  const high = Math.floor(timeMs / 2 ** 32)
  const low = timeMs >>> 0
  return String.fromCharCode(
    ...[high >>> 24, (high >>> 16) & 0xff, (high >>> 8) & 0xff, high & 0xff],
    ...[low >>> 24, (low >>> 16) & 0xff, (low >>> 8) & 0xff, low & 0xff],
  )
}

function timeAt(key: string, at: number): number {
  let time = 0
  for (let index = at; index < at + TIME_LENGTH; index++) time = time * 256 + key.charCodeAt(index)
  return time
}

export function splitWindowKey(storeKey: string): { key: string; startMs: number } {
  const at = storeKey.length - TIME_LENGTH
  return { key: keyOfPrefix(storeKey.slice(0, at)), startMs: timeAt(storeKey, at) }
}

export function splitSessionKey(storeKey: string): { key: string; startMs: number; endMs: number } {
  const at = storeKey.length - TIME_LENGTH
  return {
    key: keyOfPrefix(storeKey.slice(0, at - TIME_LENGTH)),
    endMs: timeAt(storeKey, at - TIME_LENGTH),
    startMs: timeAt(storeKey, at),
  }
}
