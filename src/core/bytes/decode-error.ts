/** Bytes that cannot be what they claim to be: too short, too long, or out of range. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError'
  /** Where in the input the value began. */
  readonly position: number

  constructor(position: number, what: string) {
    super(`at byte ${position}: ${what}`)
    this.position = position
  }
}
