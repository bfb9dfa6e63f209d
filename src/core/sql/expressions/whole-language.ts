/** All parts of the language, for servers: they load it as a whole. */
import { SCALAR_FUNCTIONS } from '../functions/functions.ts'
import { parseTimestamp } from '../types/time-parse.ts'
import { callCompiler } from './call.ts'
import type { Language } from './compile-context.ts'

export const WHOLE_LANGUAGE: Language = {
  compileCall: callCompiler(SCALAR_FUNCTIONS),
  parseTimestamp,
}
