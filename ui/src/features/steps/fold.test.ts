import { expect, it } from "vitest";
import type { StepEntry, StepStatus } from "@/live/session-state";
import { folded } from "./fold";

const steps = (...runs: [StepStatus, number][]): StepEntry[] =>
  runs
    .flatMap(([status, count]) => Array.from({ length: count }, () => status))
    .map((status, index) => ({ stepId: `s${index}`, status }) as StepEntry);
const shown = (all: StepEntry[], ...opened: string[]) =>
  folded(all, new Set(opened)).map((each) => ("count" in each ? `${each.count} ${each.kind}` : each.stepId));

it("leaves a list of usual length as it is", () => {
  expect(shown(steps(["completed", 20], ["running", 1]))).toHaveLength(21);
});

it("folds what is done before and what comes long after the step that goes on", () => {
  expect(shown(steps(["completed", 100], ["running", 1], ["pending", 199]))).toEqual([
    "97 done", "s97", "s98", "s99", "s100", "s101", "s102", "s103", "196 waiting",
  ]);
});

it("never folds what failed, and opens what was pressed", () => {
  const all = steps(["completed", 30], ["failed", 1], ["completed", 9]);
  expect(shown(all)).toEqual(["27 done", "s27", "s28", "s29", "s30", ...all.slice(31).map((step) => step.stepId)]);
  expect(shown(all, "s0")).toHaveLength(40);
});
