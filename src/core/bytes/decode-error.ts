/** Input bytes are invalid: too short, too long, or out of range. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError'
  /** Start of the value in the input. */
  readonly position: number

  constructor(position: number, what: string) {
    super(`at byte ${position}: ${what}`)
    this.position = position
  }
}
