import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'core',
          environment: 'node',
          include: ['test/{core,broker,kafka}/**/*.test.ts'],
        },
      },
      {
        plugins: [cloudflareTest({ wrangler: { configPath: './wrangler.toml' } })],
        test: { name: 'workers', include: ['test/workers/**/*.test.ts'] },
      },
      {
        // Black box: these start the real server, or speak to the one that EDGELOG_URL names.
        test: {
          name: 'server',
          environment: 'node',
          include: ['test/{client,cli,conformance,crash,interop}/**/*.test.ts'],
          testTimeout: 30_000,
        },
      },
      {
        // Real Chromium against the real server: one browser at a time.
        test: {
          name: 'browser',
          environment: 'node',
          include: ['test/browser/**/*.test.ts'],
          globalSetup: ['test/browser/support/set-up.ts'],
          fileParallelism: false,
          // Not beside the others, which would take the processor from under it.
          sequence: { groupOrder: 1 },
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
