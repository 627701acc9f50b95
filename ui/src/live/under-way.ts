/** Calls of a model that have begun: the ledger has them without tokens or a price until they end. */

import type { CostRow, CostSummary } from "@/api/types";
import { asFields } from "./frames";

const AT_WORK = new Set(["running", "pausing", "cancelling"]);

/** The run whose open calls may still end; a call that was cut off stays one whose price nobody knows. */
export function runAtWork(run: { readonly id: string; readonly status: string } | null): string | null {
  return run && AT_WORK.has(run.status) ? run.id : null;
}

export interface Settled {
  readonly costs: CostSummary;
  /** Calls that were left out. */
  readonly underWay: number;
}

const KEY = {
  by_model: (call: Call) => call["model"],
  by_agent: (call: Call) => call["agent"],
  by_step: (call: Call) => call["step_id"],
  by_run: (call: Call) => call["run_id"],
  by_day: (call: Call) => String(call["created_at"]).slice(0, 10),
};
type Call = Readonly<Record<string, unknown>>;

/**
 * Costs of the calls that are over. Those under way in `runId`, a run that goes on, are told apart: they are no calls
 * whose price is unknown, and the log counts each when it ends. Pure.
 */
export function settledCosts(costs: CostSummary, runId: string | null): Settled {
  const open = costs.records.map(asFields).filter((call) => call["finished"] === false && call["run_id"] === runId);
  if (runId === null || open.length === 0) return { costs, underWay: 0 };
  const rest = (by: keyof typeof KEY) =>
    costs[by]
      .map((row: CostRow) => {
        const left = open.filter((call) => String(KEY[by](call) ?? "") === row.key).length;
        return { ...row, calls: row.calls - left, unpriced_calls: row.unpriced_calls - left };
      })
      .filter((row) => row.calls > 0);
  return {
    underWay: open.length,
    costs: {
      ...costs,
      calls: costs.calls - open.length,
      unpriced_calls: costs.unpriced_calls - open.length,
      by_model: rest("by_model"),
      by_agent: rest("by_agent"),
      by_step: rest("by_step"),
      by_run: rest("by_run"),
      by_day: rest("by_day"),
    },
  };
}
