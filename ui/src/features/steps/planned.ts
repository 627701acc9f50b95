import type { PlannedEntry, StepEntry, StepStatus } from "@/live/session-state";

const STATUS: Readonly<Record<string, StepStatus>> = { skipped: "skipped", cancelled: "cancelled", failed: "failed" };

/** The steps that have begun, in their order, then those of the plan that have not. */
export function withPlanned(begun: readonly StepEntry[], plan: readonly PlannedEntry[]): StepEntry[] {
  const started = new Set(begun.map((step) => step.number));
  const waiting = plan.filter((step) => !started.has(step.number));
  return [
    ...begun,
    ...waiting.map((step) => ({
      stepId: `planned-${step.number}`,
      runId: null,
      key: `step-${step.number}`,
      number: step.number,
      name: step.name,
      goal: step.goal,
      agent: step.agent,
      phase: null,
      status: STATUS[step.status] ?? "pending",
      attempt: 1,
      summary: null,
      error: null,
      startedAt: null,
      durationMs: null,
    })),
  ];
}
