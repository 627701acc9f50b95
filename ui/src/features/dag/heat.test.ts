import { expect, it } from "vitest";
import type { CostRow } from "@/api/types";
import type { DagNode, StepEntry } from "@/live/session-state";
import { heatOf } from "./heat";

const node = (id: string, steps: string[], type = "step"): DagNode => ({
  id,
  type,
  label: id,
  status: "completed",
  number: null,
  agent: null,
  goal: null,
  steps: steps.map((step_id) => ({ step_id })),
  toolSteps: null,
});
const step = (stepId: string, durationMs: number | null, phase = "execution") =>
  ({ stepId, durationMs, phase }) as StepEntry;
const cost = (key: string, calls: number, unpriced_calls: number, cost_usd: number, tokens: number) =>
  ({ key, calls, unpriced_calls, cost_usd, input_tokens: tokens, output_tokens: 0 }) as CostRow;

const NODES = [node("plan", [], "planning"), node("a", ["a1", "a2"]), node("b", ["b1"]), node("c", [])];
const STEPS = [step("p", 500, "planning"), step("a1", 1000), step("a2", 3000), step("b1", 2000)];
const COSTS = [cost("a1", 1, 0, 0.1, 100), cost("a2", 1, 0, 0.3, 300), cost("b1", 2, 2, 0, 800)];
const shown = (measure: "time" | "cost" | "tokens") =>
  [...heatOf(NODES, STEPS, COSTS, measure)].map(([id, heat]) => [id, heat.share, heat.words]);

it("shows the time of all attempts of a node, as a share of the longest", () => {
  expect(shown("time")).toEqual([
    ["plan", 0.125, "0.5 s"],
    ["a", 1, "4.0 s"],
    ["b", 0.5, "2.0 s"],
  ]);
});

it("shows known costs only: what has no price is not free", () => {
  expect(shown("cost")).toEqual([["a", 1, "$0.40"]]);
});

it("shows tokens", () => {
  expect(shown("tokens")).toEqual([
    ["a", 0.5, "400 tokens"],
    ["b", 1, "800 tokens"],
  ]);
});
