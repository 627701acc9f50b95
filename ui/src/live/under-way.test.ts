import { expect, it } from "vitest";
import type { CostSummary } from "@/api/types";
import { settledCosts } from "./under-way";

const call = (model: string, finished: boolean, run_id = "r2") => ({
  model, finished, run_id, agent: "engineer", step_id: null, created_at: "2026-11-21T10:00:00Z",
});
const row = (key: string, calls: number, unpriced_calls: number) => ({ key, calls, unpriced_calls });
const costs = {
  calls: 4,
  unpriced_calls: 2,
  total_cost_usd: 0.5,
  by_model: [row("dear", 2, 0), row("openai:dear", 2, 2)],
  by_agent: [row("engineer", 4, 2)],
  by_step: [row("", 4, 2)],
  by_run: [row("r1", 1, 1), row("r2", 3, 1)],
  by_day: [row("2026-11-21", 4, 2)],
  records: [call("openai:dear", false), call("dear", true), call("dear", true), call("openai:dear", false, "r1")],
} as unknown as CostSummary;

it("a call under way is no call without a price", () => {
  const { costs: settled, underWay } = settledCosts(costs, "r2");
  expect(underWay).toBe(1);
  expect(settled).toMatchObject({ calls: 3, unpriced_calls: 1, total_cost_usd: 0.5 });
  expect(settled.by_model).toEqual([row("dear", 2, 0), row("openai:dear", 1, 1)]);
  expect(settled.by_agent).toEqual([row("engineer", 3, 1)]);
  expect(settled.by_run).toEqual([row("r1", 1, 1), row("r2", 2, 0)]);
  expect(settled.by_step).toEqual([row("", 3, 1)]);
});

it("a name that only stands for what is under way is left out", () => {
  const one = { ...costs, records: [call("openai:dear", false)], by_model: [row("openai:dear", 1, 1)] } as unknown as CostSummary;
  expect(settledCosts(one, "r2").costs.by_model).toEqual([]);
});

it("a call that never ended, of a run that is over, stays a call whose price nobody knows", () => {
  expect(settledCosts(costs, null)).toEqual({ costs, underWay: 0 });
  expect(settledCosts(costs, "r3").costs).toBe(costs);
});
