#!/usr/bin/env node
import('../dist/cli.js').then(
  ({ main }) => main(process.argv),
  (error) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND' || !error.message.includes('dist/cli.js')) throw error
    console.error('edgelog is not built yet. In a checkout, run: npm run build')
    process.exitCode = 70
  },
)
