/** What each node took, of time, money or tokens, as a share of the most that one took. Pure. */

import type { CostRow } from "@/api/types";
import { dollars, integer } from "@/lib/format";
import { duration } from "@/lib/time";
import type { DagNode, StepEntry } from "@/live/session-state";

export type Measure = "time" | "cost" | "tokens";

export interface Heat {
  /** 0 to 1. */
  readonly share: number;
  readonly words: string;
}

/** The steps behind a node: every attempt at a hop, or the planning. */
export function stepsOf(node: DagNode, steps: readonly StepEntry[]): StepEntry[] {
  const ids = new Set([node.id, ...(node.steps ?? []).map((step) => String(step["step_id"]))]);
  return steps.filter((step) => ids.has(step.stepId) || (node.type === "planning" && step.phase === "planning"));
}

/** By node; nodes that took nothing known are left out. */
export function heatOf(
  nodes: readonly DagNode[],
  steps: readonly StepEntry[],
  costs: readonly CostRow[],
  measure: Measure,
): ReadonlyMap<string, Heat> {
  const byStep = new Map(costs.map((row) => [row.key, row]));
  const amounts = nodes.flatMap((node): [string, number][] => {
    const amount = stepsOf(node, steps).reduce<number | null>((sum, step) => {
      const value = amountOf(step, byStep.get(step.stepId), measure);
      return value === null ? sum : (sum ?? 0) + value;
    }, null);
    return amount === null ? [] : [[node.id, amount]];
  });
  const most = Math.max(0, ...amounts.map(([, amount]) => amount));
  return new Map(
    amounts.map(([id, amount]) => [id, { share: most > 0 ? amount / most : 0, words: wordsOf(amount, measure) }]),
  );
}

function amountOf(step: StepEntry, cost: CostRow | undefined, measure: Measure): number | null {
  if (measure === "time") return step.durationMs;
  if (!cost) return null;
  if (measure === "tokens") return cost.input_tokens + cost.output_tokens;
  return cost.calls > cost.unpriced_calls ? cost.cost_usd : null;
}

function wordsOf(amount: number, measure: Measure): string {
  if (measure === "time") return duration(amount);
  return measure === "cost" ? dollars(amount) : `${integer(amount)} tokens`;
}
