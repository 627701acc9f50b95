import { expect, it } from "vitest";
import { folded } from "./fold";

interface Step {
  readonly stepId: string;
  readonly status: string;
}

const steps = (...runs: [string, number][]): Step[] =>
  runs
    .flatMap(([status, count]) => Array.from({ length: count }, () => status))
    .map((status, index) => ({ stepId: `s${index}`, status }));
const shown = (all: Step[], ...opened: string[]) =>
  folded(all, (step) => step.stepId, new Set(opened)).map((each) => ("count" in each ? `${each.count} ${each.kind}` : each.stepId));

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

it("folds hops by the words of missions", () => {
  const hops = (status: string, count: number, from: number) =>
    Array.from({ length: count }, (_, index) => ({ id: `h${from + index}`, status }));
  const all = [...hops("completed", 20, 0), ...hops("executing", 1, 20), ...hops("ready", 20, 21)];
  const kinds = folded(all, (hop) => hop.id, new Set()).filter((each) => "count" in each);
  expect(kinds).toEqual([
    { kind: "done", id: "h0", count: 17 },
    { kind: "waiting", id: "h21", count: 17 },
  ]);
});
