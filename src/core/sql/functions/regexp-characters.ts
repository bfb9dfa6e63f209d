/** Classes of characters in regular expressions, as Java has them. Code points are numbers here. */

export type CharacterTest = (code: number) => boolean

function testOf(regexp: RegExp): CharacterTest {
  return (code) => regexp.test(String.fromCodePoint(code))
}

/** Classes that Java has and JavaScript does not, or has otherwise: without Unicode. */
const CLASSES: Readonly<Record<string, CharacterTest>> = {
  d: testOf(/[0-9]/),
  w: testOf(/[0-9A-Za-z_]/),
  s: testOf(/[ \t\n\v\f\r]/),
  h: testOf(/[ \t\u00a0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000]/),
  v: testOf(/[\n\v\f\r\u0085\u2028\u2029]/),
  Lower: testOf(/[a-z]/),
  Upper: testOf(/[A-Z]/),
  ASCII: (code) => code < 128,
  Alpha: testOf(/[A-Za-z]/),
  Digit: testOf(/[0-9]/),
  Alnum: testOf(/[0-9A-Za-z]/),
  Punct: testOf(/[!-/:-@[-`{-~]/),
  Graph: testOf(/[!-~]/),
  Print: testOf(/[ -~]/),
  Blank: testOf(/[ \t]/),
  Cntrl: (code) => code < 32 || code === 127,
  XDigit: testOf(/[0-9A-Fa-f]/),
  Space: testOf(/[ \t\n\v\f\r]/),
  javaLowerCase: testOf(/\p{Lowercase}/u),
  javaUpperCase: testOf(/\p{Uppercase}/u),
  javaWhitespace: testOf(/\s/),
}
const CONTROLS: Readonly<Record<string, number>> = { t: 9, n: 10, f: 12, r: 13, a: 7, e: 27 }

/** Returns the class of an escape without its backslash: `d`, `W`, `p{Alpha}`, `PL`; undefined if there is none. */
export function escapeClass(written: string): CharacterTest | undefined {
  const letter = written.charAt(0)
  if (written.length === 1) {
    const test = CLASSES[letter.toLowerCase()]
    return letter === letter.toLowerCase() ? test : test && ((code) => !test(code))
  }
  const name = written.replace(/^[pP]\{?\^?/, '').replace('}', '')
  const test = CLASSES[name] ?? unicodeClass(name)
  const isNegated = (letter === 'P') !== written.includes('^')
  return isNegated ? test && ((code) => !test(code)) : test
}

/** Returns a class of Unicode: a category such as `Lu`, a script or property such as `IsLatin`, `IsAlphabetic`. */
function unicodeClass(name: string): CharacterTest | undefined {
  const bare = name.replace(/^Is/, '')
  for (const property of [name, bare, `Script=${bare.replace(/^script=/i, '')}`]) {
    try {
      return testOf(new RegExp(`\\p{${property}}`, 'u'))
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
    }
  }
  return undefined
}

/** Returns the character of an escape without its backslash; undefined for letters that have no meaning. */
export function escapedCode(written: string): number | undefined {
  const hex = /^[xu]\{?([\da-fA-F]+)\}?$/.exec(written)?.[1]
  if (hex !== undefined && written.length > 1) {
    const code = Number.parseInt(hex, 16)
    return code <= 0x10ffff ? code : undefined
  }
  if (/^0\d/.test(written)) return Number.parseInt(written, 8)
  if (written.length === 2 && written.startsWith('c')) return written.charCodeAt(1) ^ 64
  const control = CONTROLS[written]
  if (control !== undefined) return control
  return /[A-Za-z\d]/.test(written) ? undefined : written.codePointAt(0)
}

/** Returns a test that both cases of an ASCII letter pass if one does. */
export function ignoringCase(test: CharacterTest): CharacterTest {
  return (code) => test(code) || (isLetter(code) && test(code ^ 0x20))
}

function isLetter(code: number): boolean {
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x7a
}

export function isWord(code: number | undefined): boolean {
  return code !== undefined && (code === 0x5f || isLetter(code) || (code >= 0x30 && code <= 0x39))
}
