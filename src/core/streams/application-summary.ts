/** The state of an application as its users see it. */
import type {
  ApplicationStatus,
  ApplicationSummary,
  UpgradeDescription,
} from './application-api.ts'
import type { ApplicationState, Upgrade } from './application-state.ts'

export function summaryOf(name: string, state: ApplicationState): ApplicationSummary {
  const { generation, error } = state
  return {
    ...{ name, status: statusOf(state), generation },
    ...(error === undefined ? {} : { error }),
  }
}

export function upgradeSummaryOf({
  generation,
  step,
  error,
}: Upgrade): Pick<UpgradeDescription, 'generation' | 'step' | 'error'> {
  return { generation, step, ...(error === undefined ? {} : { error }) }
}

function statusOf(state: ApplicationState): ApplicationStatus {
  if (state.isDeleting) return 'deleting'
  if (state.appliedVersion !== state.version) return 'starting'
  if (state.error !== undefined) return 'failed'
  return state.isPaused ? 'paused' : 'running'
}
