import { provideChromium } from './find-chromium.ts'

/** Called by vitest before the first test of the project. */
export const setup = provideChromium
