import { describe, expect, it } from "vitest";
import type { CostSummary } from "@/api/types";
import type { EventFrame } from "@/live/frames";
import { emptySession, type ApprovalEntry, type ToolEntry } from "@/live/session-state";
import { answerOf, EMPTY } from "./approvals/form";
import { actionsOf } from "./approvals/kinds";
import { moved, plannedSteps, wirePlan } from "./approvals/plan";
import { quoted } from "./config/commands";
import { itemsOf } from "./conversation/items";
import { csvOf, curveOf, joinedModels, stepPath } from "./costs/series";
import { timelineOf } from "./events/timeline";
import { treeOf } from "./files/tree";
import { attemptFor, NO_ATTEMPT } from "./start/begin";

const AT = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();

function asked(change: Partial<ApprovalEntry>): ApprovalEntry {
  const none = {
    resolution: null,
    response: {},
    respondedBy: null,
    answeredBy: null,
    respondedAt: null,
    deadline: null,
    answerSchema: null,
  };
  return {
    approvalId: "a",
    requestType: "plan",
    title: "?",
    requestData: {},
    options: ["approve", "reject"],
    status: "pending",
    onExpiry: "pause",
    at: AT(0),
    ...none,
    ...change,
  };
}

describe("answers on offer", () => {
  const words = (change: Partial<ApprovalEntry>) => actionsOf(asked(change)).map((action) => action.resolution);
  it("puts what goes ahead first and what ends everything last", () => {
    expect(words({ requestType: "step", options: ["continue", "abort", "redo"] })).toEqual([
      "continue",
      "redo",
      "abort",
    ]);
  });
  it("lets a tool be allowed for the session where that may be answered", () => {
    expect(words({ requestType: "tool", options: ["approve", "reject", "modify"], answerSchema: {} })).toEqual([
      "approve",
      "allow_session",
      "reject",
      "modify",
    ]);
    expect(words({ requestType: "tool", options: ["retry", "skip", "abort"] })).toEqual(["retry", "skip", "abort"]);
  });
  it("chooses among several in one way only", () => {
    expect(words({ requestType: "selection", options: ["approve", "answer", "modify", "reject"] })).not.toContain(
      "approve",
    );
  });
  it("wants a word typed before a shell command destroys something, and only then", () => {
    const shell = (command: string) =>
      asked({
        requestType: "tool",
        options: ["approve", "reject"],
        requestData: { category: "shell", arguments: { command } },
      });
    const proof = (command: string) =>
      actionsOf(shell(command)).find((action) => action.resolution === "approve")?.proof;
    expect(proof("rm -rf build")).toBe("rm");
    expect(proof("cd build && sudo make install")).toBe("cd");
    expect(proof("ls -la | grep form")).toBeUndefined();
    expect(actionsOf(shell("rm x")).find((action) => action.resolution === "reject")?.proof).toBeUndefined();
  });
  it("passes over answers it has no words for", () => {
    expect(words({ options: ["approve", "levitate"] })).toEqual(["approve"]);
  });
});

describe("what is sent", () => {
  const action = (approval: ApprovalEntry, resolution: string) => {
    const found = actionsOf(approval).find((each) => each.resolution === resolution);
    if (!found) throw new Error(resolution);
    return found;
  };
  it("leaves a limit to the server where none was written", () => {
    const budget = asked({
      requestType: "budget",
      options: ["approve", "abort"],
      answerSchema: { properties: { max_steps: { type: "number" } } },
    });
    expect(answerOf(budget, action(budget, "approve"), EMPTY)).toEqual({ resolution: "approve" });
    expect(answerOf(budget, action(budget, "approve"), { ...EMPTY, answer: { max_steps: 9 } })).toEqual({
      resolution: "approve",
      answer: { max_steps: 9 },
    });
  });
  it("sends words only with answers that ask for them", () => {
    const plan = asked({ options: ["approve", "reject"] });
    const draft = { ...EMPTY, words: " too long " };
    expect(answerOf(plan, action(plan, "approve"), draft)).toEqual({ resolution: "approve" });
    expect(answerOf(plan, action(plan, "reject"), draft)).toEqual({ resolution: "reject", feedback: "too long" });
  });
  it("sends only the fields of a step that may be edited", () => {
    const data = {
      step: 1,
      name: "Read",
      goal: "Know it",
      modifications_schema: { properties: { goal: {}, name: {} } },
    };
    const step = asked({ requestType: "step", options: ["approve", "modify"], requestData: data });
    expect(
      answerOf(step, action(step, "modify"), { ...EMPTY, edited: { ...data, goal: "Skim it" } }).modifications,
    ).toEqual({ goal: "Skim it", name: "Read" });
  });
  it("sends arguments of a tool as they were edited", () => {
    const tool = asked({
      requestType: "tool",
      options: ["approve", "modify"],
      requestData: { arguments: { path: "a" } },
    });
    expect(answerOf(tool, action(tool, "modify"), { ...EMPTY, edited: { path: "b" } }).modifications).toEqual({
      arguments: { path: "b" },
    });
  });
});

describe("a plan", () => {
  const steps =
    plannedSteps({ steps: [{ name: "A", goal: "a", agent: "engineer", bullet_points: ["x", " "] }, "B"] }) ?? [];
  it("is read from any of its forms and sent back whole", () => {
    expect(wirePlan(steps)).toEqual({
      steps: [
        { name: "A", goal: "a", agent: "engineer", bullet_points: ["x"] },
        { name: "B", goal: "B", bullet_points: [] },
      ],
    });
  });
  it("is put in another order", () => {
    expect(moved(steps, 1, 0).map((step) => step.name)).toEqual(["B", "A"]);
  });
});

describe("the conversation", () => {
  const tool = (seq: number, second: number): ToolEntry => ({
    seq,
    kind: "tool",
    callId: `c${seq}`,
    runId: "r",
    stepId: null,
    tool: "read_file",
    agent: null,
    arguments: {},
    status: "completed",
    result: "",
    durationMs: 1,
    files: [],
    at: AT(second),
  });
  const message = (position: number, second: number) => ({
    messageId: `m${position}`,
    position,
    role: "user",
    agent: null,
    author: null,
    content: "",
    at: AT(second),
  });
  const state = {
    ...emptySession("s"),
    messages: [message(1, 1), message(2, 9)],
    tools: [tool(1, 3), tool(2, 4), tool(3, 10)],
  };
  it("puts tool calls where they happened, neighbours together", () => {
    expect(itemsOf(state).map((item) => (item.kind === "tools" ? item.tools.length : item.id))).toEqual([
      "m1",
      2,
      "m2",
      1,
    ]);
  });
  it("keeps tool calls back whose messages are not here yet", () => {
    const later = { ...state, messages: [message(2, 9)], olderMessages: "2" };
    expect(itemsOf(later).map((item) => item.id)).toEqual(["m2", "tool-3"]);
  });
  it("holds decisions, not open questions", () => {
    const approvals = [asked({ status: "approved", respondedAt: AT(5) }), asked({ approvalId: "open" })];
    expect(itemsOf({ ...state, tools: [], approvals }).map((item) => item.id)).toEqual(["m1", "a", "m2"]);
  });
});

describe("the timeline", () => {
  const event = (seq: number, second: number, type: string, data: Record<string, unknown> = {}): EventFrame => ({
    seq,
    type,
    session_id: "s",
    run_id: "r",
    step: null,
    timestamp: AT(second),
    data,
  });
  const line = timelineOf(
    [
      event(1, 0, "workflow_started", { task: "t" }),
      event(2, 0, "step_started", { step_id: "a", name: "A" }),
      event(3, 10, "tool_call", { call_id: "c", tool: "read" }),
      event(4, 12, "tool_result", { call_id: "c", ok: false }),
      event(5, 20, "step_completed", { step_id: "a", name: "A" }),
      event(6, 20 + 3600, "step_started", { step_id: "b", name: "B" }),
    ],
    Date.parse(AT(20 + 3610)),
  );
  it("has a bar for each step and call with its true end", () => {
    expect(line.bars.map((bar) => [bar.label, bar.status, (bar.to - bar.from) / 1000])).toEqual([
      ["A", "done", 20],
      ["read", "failed", 2],
      ["B", "open", 10],
    ]);
  });
  it("folds an hour in which nothing happened and keeps the order of time", () => {
    expect(line.folds).toHaveLength(1);
    const at = [0, 10, 20, 3620, 3630].map((second) => line.at(Date.parse(AT(second))));
    expect(at).toEqual([...at].sort((a, b) => a - b));
    expect(at[2]).toBeGreaterThan(0.5);
    expect(at.at(-1)).toBe(1);
  });
});

it("marks the time in which the server was away", () => {
  const at = (seq: number, second: number, type: string, data: Record<string, unknown> = {}): EventFrame => ({
    seq,
    type,
    session_id: "s",
    run_id: "r",
    step: null,
    timestamp: AT(second),
    data,
  });
  const line = timelineOf(
    [
      at(1, 0, "workflow_started"),
      at(2, 5, "step_started", { step_id: "a" }),
      at(3, 25, "workflow_resumed", { reason: "recovered after a restart" }),
    ],
    Date.parse(AT(30)),
  );
  expect(line.outages).toEqual([{ from: Date.parse(AT(5)), to: Date.parse(AT(25)), seq: 3 }]);
  expect(line.bars.filter((bar) => bar.kind === "away").map((bar) => bar.to - bar.from)).toEqual([20_000]);
});

it("has a band for each pause, the one that goes on too", () => {
  const at = (seq: number, second: number, type: string): EventFrame => ({
    seq,
    type,
    session_id: "s",
    run_id: "r",
    step: null,
    timestamp: AT(second),
    data: {},
  });
  const line = timelineOf(
    [
      at(1, 0, "workflow_started"),
      at(2, 5, "workflow_paused"),
      at(3, 25, "workflow_resumed"),
      at(4, 30, "workflow_paused"),
    ],
    Date.parse(AT(40)),
  );
  expect(line.pauses.map(({ from, to, seq }) => [seq, to - from])).toEqual([
    [2, 20_000],
    [4, 10_000],
  ]);
  expect(line.outages).toEqual([]);
});

describe("costs", () => {
  const record = (second: number, cost_usd: number | null) => ({
    created_at: AT(second),
    cost_usd,
    input_tokens: 10,
    output_tokens: 5,
  });
  const costs = {
    total_cost_usd: 1,
    input_tokens: 40,
    output_tokens: 20,
    records: [record(3, 0.25), record(1, 0.5), record(2, null)],
  } as unknown as CostSummary;
  it("adds up to the totals, though only the newest calls are known", () => {
    const curve = curveOf(costs);
    expect(curve.map((point) => point.usd)).toEqual([0.75, 0.75, 1]);
    expect(curve.at(-1)?.tokens).toBe(60);
  });
  it("is drawn inside its box", () => {
    const path = stepPath(curveOf(costs), (point) => point.usd, 100, 50);
    for (const number of path.match(/[\d.]+/g) ?? []) expect(Number(number)).toBeLessThanOrEqual(100);
  });
  it("never writes a formula into a spreadsheet", () => {
    const row = {
      key: '=cmd("x")',
      label: null,
      calls: 1,
      input_tokens: 1,
      output_tokens: 1,
      cached_tokens: 0,
      cost_usd: null,
      unpriced_calls: 1,
    };
    expect(csvOf([row]).split("\n")[1]).toBe(`"'=cmd(""x"")",1,1,1,0,,1`);
  });
});

it("quotes for a shell what a shell would read otherwise", () => {
  expect(quoted("planning-control")).toBe("planning-control");
  expect(quoted("it's $HOME")).toBe(`'it'\\''s $HOME'`);
});

it("puts files into their folders", () => {
  const file = (path: string) => ({ path, size: 1, kind: null, at: "" });
  const tree = treeOf(["b.md", "a/z.md", "a/b/c.md", "a.md"].map(file));
  expect(tree.files.map((each) => each.path)).toEqual(["a.md", "b.md"]);
  expect(tree.folders[0]).toMatchObject({ name: "a", files: [{ path: "a/z.md" }], folders: [{ path: "a/b" }] });
});

it("goes on with the same session when the same is started again, and with a new one when it changed", () => {
  const wanted = { mode: "one-shot", name: "x", config: {} };
  const first = attemptFor(NO_ATTEMPT, wanted, "task");
  expect(attemptFor(first, wanted, "task")).toBe(first);
  expect(attemptFor(first, { ...wanted, config: { agent: "engineer" } }, "task").key).not.toBe(first.key);
});

describe("the calls of a model", () => {
  const row = (key: string, calls: number, cost: number | null, unpriced = 0) => ({
    key,
    label: null,
    calls,
    input_tokens: 10 * calls,
    output_tokens: calls,
    cached_tokens: 0,
    cost_usd: cost,
    unpriced_calls: unpriced,
  });

  it("are one row, whether it answered or not", () => {
    const rows = joinedModels([row("small", 4, 0.5), row("local:/a.gguf", 1, null, 1), row("openai-chat:small", 2, null, 2)]);
    expect(rows).toEqual([row("small", 6, 0.5, 2), row("local:/a.gguf", 1, null, 1)]);
  });

  it("of two providers stay apart, and so do those of nobody else", () => {
    const rows = [row("small", 4, 0.5), row("a:small", 1, null, 1), row("b:small", 2, null, 2), row("c:other", 1, 0.1)];
    expect(joinedModels(rows)).toEqual(rows);
  });
});
