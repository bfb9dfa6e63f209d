import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { WORKER_OPTIONS } from './client/cli/server.ts'
import { useRunFolder } from './test/support/run-folder.ts'

useRunFolder()

/** Kills, mutants and matrices: `npm run test:slow`. */
const SLOW = '**/*.slow.test.ts'

// Limits are for tests that hang, and never for slow ones: four busy processes beside them must not make one fail.
const WAIT_MS_MAX = 120_000
const limits = {
  // The files of a worker share its modules: to load them again for each file took a quarter of the time.
  isolate: false,
  testTimeout: 240_000,
  hookTimeout: 240_000,
  expect: { poll: { timeout: WAIT_MS_MAX, interval: 20 } },
}

/** Begins with the crash runs, then other slow tests: begun last, those of minutes would run alone at the end. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const rank = ({ moduleId }: TestSpecification) => {
      if (moduleId.includes('/test/crash/')) return 0
      return moduleId.endsWith('.slow.test.ts') ? 1 : 2
    }
    return sorted.toSorted((a, b) => rank(a) - rank(b))
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    // More than two cores: most files wait for a server or a browser for some of their time.
    maxWorkers: 4,
    // Logs of a test are shown when it fails: events, seeds, figures.
    silent: 'passed-only',
    projects: [
      {
        test: {
          ...limits,
          name: 'core',
          include: ['test/{app,core,events,broker,http,kafka,remote,scripts,support}/**/*.test.ts'],
          exclude: [SLOW],
        },
      },
      {
        // Not by wrangler.toml, which also opens the port for Kafka clients.
        plugins: [cloudflareTest({ main: './src/index.ts', miniflare: WORKER_OPTIONS })],
        test: { ...limits, name: 'workers', include: ['test/workers/**/*.test.ts'] },
      },
      {
        // Black box: these speak to the real server, and to the one that EDGELOG_URL names.
        test: {
          ...limits,
          name: 'server',
          include: [
            'test/{client,cli,conformance,crash,interop,ksql,testing,upgrade}/**/*.test.ts',
          ],
          exclude: [SLOW],
          globalSetup: ['test/server/shared-server.ts'],
        },
      },
      {
        // Real Chromium against the real server.
        test: {
          ...limits,
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          exclude: [SLOW],
          globalSetup: ['test/browser/support/set-up.ts'],
        },
      },
      {
        test: {
          ...limits,
          // Searches and runs of minutes.
          testTimeout: 900_000,
          hookTimeout: 900_000,
          name: 'slow',
          include: [`test/${SLOW}`],
          globalSetup: ['test/server/shared-server.ts', 'test/browser/support/set-up.ts'],
        },
      },
      // The clients of the project `server`, over the other transports of the bridge.
      ...['session', 'post'].map((transport) => ({
        test: {
          ...limits,
          name: `interop-${transport}`,
          include: ['test/interop/**/*.test.ts'],
          exclude: [SLOW],
          env: { TEST_TRANSPORT: transport },
        },
      })),
    ],
  },
})
