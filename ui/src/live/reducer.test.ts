import { describe, expect, it } from "vitest";
import type { DeltaFrame, EventFrame, SessionFrame } from "./frames";
import { reduce, reduceAll } from "./reducer";
import { emptySession, MAX_LINES } from "./session-state";

const SESSION = "s";
const start = emptySession(SESSION);

function event(seq: number, type: string, data: Record<string, unknown> = {}, step: string | null = null): EventFrame {
  return {
    seq,
    type,
    session_id: SESSION,
    run_id: "r",
    step,
    timestamp: `2026-01-01T00:00:${String(seq % 60).padStart(2, "0")}.000Z`,
    data,
  };
}

function delta(offset: number, text: string, message_id = "m1"): DeltaFrame {
  return { type: "message_delta", session_id: SESSION, message_id, offset, text };
}

const STEP = { step_id: "st", key: "step-1", step_number: 1, name: "Read", attempt: 1 };
const MESSAGE = { message_id: "m1", position: 2, role: "assistant", agent: "engineer", content: "Hello there" };

/** A whole planned run, as the engine writes it. */
const LOG: EventFrame[] = [
  event(1, "session_update", { status: "active", name: "Sum up", version: 1 }),
  event(2, "agent_message", { message_id: "m0", position: 1, role: "user", content: "Sum up" }),
  event(3, "workflow_started", { task: "Sum up", mode: "planning-control", model: "openai-chat:test", attempt: 1 }),
  event(4, "phase_change", { phase: "planning" }),
  event(5, "cost_update", { call_id: "c1", model: "m", cost_usd: null, input_tokens: 10, output_tokens: 5 }),
  event(6, "approval_request", {
    approval_id: "a",
    request_type: "plan",
    title: "Plan",
    options: ["approve", "reject"],
  }),
  event(7, "approval_resolved", { approval_id: "a", status: "approved", resolution: "approve", responded_by: "local" }),
  event(8, "phase_change", { phase: "execution", step_number: 1 }),
  event(9, "step_started", STEP),
  event(10, "console", { stream: "stdout", lines: ["one", "two"] }),
  event(11, "agent_message", MESSAGE),
  event(12, "cost_update", { call_id: "c2", model: "m", cost_usd: 0.25, input_tokens: 1, output_tokens: 2 }),
  event(13, "file_update", { path: "report.md", change: "created", size: 12 }),
  event(14, "step_completed", { ...STEP, summary: "Read it", duration_ms: 1200 }),
  event(15, "workflow_complete", { result: {} }),
  event(16, "session_update", { status: "completed", name: "Sum up", version: 2 }),
];

describe("a whole run", () => {
  const end = reduceAll(start, LOG);

  it("ends with everything in its place", () => {
    expect(end).toMatchObject({
      seq: 16,
      facts: { name: "Sum up", status: "completed", version: 2, phase: "execution", stepNumber: 1 },
      run: { runId: "r", status: "completed", model: "openai-chat:test", task: "Sum up" },
      steps: [{ stepId: "st", status: "completed", durationMs: 1200, summary: "Read it", phase: "execution" }],
      approvals: [{ approvalId: "a", status: "approved", respondedBy: "local" }],
      cost: { usd: 0.25, unpricedCalls: 1, inputTokens: 11, outputTokens: 7, calls: 2 },
      files: [{ path: "report.md", size: 12 }],
      unknownEvents: 0,
    });
    expect(end.messages.map((m) => m.content)).toEqual(["Sum up", "Hello there"]);
    expect(end.lines.map((line) => [line.id, line.text])).toEqual([
      ["10.0", "one"],
      ["10.1", "two"],
    ]);
    expect(end.savedAt).toBe(LOG[13]?.timestamp);
  });

  it("is the same when every event comes twice", () => {
    expect(
      reduceAll(
        start,
        LOG.flatMap((e) => [e, e]),
      ),
    ).toEqual(end);
  });

  it("is the same when the log is replayed from any earlier point", () => {
    for (let from = 0; from < LOG.length; from += 1) expect(reduceAll(end, LOG.slice(from))).toEqual(end);
  });

  it("is the same when cut anywhere and taken up again", () => {
    for (let cut = 0; cut <= LOG.length; cut += 1) {
      expect(reduceAll(reduceAll(start, LOG.slice(0, cut)), LOG.slice(cut))).toEqual(end);
    }
  });

  it("never changes a state that was handed out", () => {
    const frozen = deepFreeze(reduceAll(start, LOG.slice(0, 9)));
    expect(() => reduceAll(frozen, LOG.slice(9))).not.toThrow();
  });
});

describe("unknown types", () => {
  it("are counted, moved past, and break nothing", () => {
    const state = reduceAll(start, [event(1, "from_the_future", { x: 1 }), event(2, "console", { lines: ["a"] })]);
    expect(state).toMatchObject({ seq: 2, unknownEvents: 1 });
    expect(state.lines).toHaveLength(1);
  });

  it("and payloads of another shape break nothing", () => {
    for (const { type } of LOG) expect(() => reduce(start, event(1, type, { step_id: 3, lines: "x" }))).not.toThrow();
  });
});

describe("deltas", () => {
  const texts = (frames: SessionFrame[]) => reduceAll(start, frames).open.map((m) => m.text);

  it("append at their offset", () => expect(texts([delta(0, "Hel"), delta(3, "lo")])).toEqual(["Hello"]));
  it("repeated change nothing", () =>
    expect(texts([delta(0, "Hel"), delta(3, "lo"), delta(3, "lo")])).toEqual(["Hello"]));
  it("that overlap are laid over", () =>
    expect(texts([delta(0, "Hello"), delta(3, "lo there")])).toEqual(["Hello there"]));
  it("from the start replace what was there", () =>
    expect(texts([delta(0, "Hello"), delta(0, "Anew")])).toEqual(["Anew"]));
  it("past a hole wait for the text so far", () => {
    expect(texts([delta(0, "Hel"), delta(9, "lost")])).toEqual(["Hel"]);
    expect(texts([delta(0, "Hel"), delta(9, "lost"), delta(0, "Hello wor"), delta(9, "ld")])).toEqual(["Hello world"]);
  });
  it("count code points, not UTF-16 units", () => {
    expect(texts([delta(0, "a😀"), delta(2, "b"), delta(1, "😀bc")])).toEqual(["a😀bc"]);
  });
  it("end with the stored message, in one entry", () => {
    const state = reduceAll(start, [delta(0, "Hello"), event(1, "agent_message", MESSAGE), delta(5, " there")]);
    expect(state.open).toEqual([]);
    expect(state.messages.map((m) => m.content)).toEqual(["Hello there"]);
  });
  it("come again from their start after a reconnect, and what a killed server had begun is forgotten", () => {
    expect(texts([delta(0, "half"), { type: "sync", session_id: SESSION }])).toEqual([]);
    expect(texts([delta(0, "half"), { type: "sync", session_id: SESSION }, delta(0, "half an")])).toEqual(["half an"]);
  });
  it("of an answer that a killed server never finished are forgotten when the run begins again", () => {
    const state = reduceAll(start, [delta(0, "half an ans"), event(1, "workflow_started", { attempt: 2 })]);
    expect(state.open).toEqual([]);
  });
});

describe("a snapshot newer than the replay", () => {
  it("does not put a finished step back to running", () => {
    const newer = { ...reduceAll(start, LOG), seq: 8 };
    expect(reduceAll(newer, LOG.slice(8, 9)).steps[0]?.status).toBe("completed");
  });
  it("does not count a call twice", () => {
    const newer = { ...reduceAll(start, LOG), seq: 4 };
    expect(reduceAll(newer, LOG.slice(4)).cost).toEqual(reduceAll(start, LOG).cost);
  });
  it("does not show a console line twice", () => {
    const newer = { ...reduceAll(start, LOG), seq: 4 };
    expect(reduceAll(newer, LOG.slice(4)).lines).toHaveLength(2);
  });
  it("does not open an answered question again", () => {
    const newer = { ...reduceAll(start, LOG), seq: 5 };
    expect(reduceAll(newer, LOG.slice(5, 6)).approvals[0]?.status).toBe("approved");
  });
});

it("keeps the newest telling of the plan", () => {
  const plan = { steps: [{ step: 1, name: "Read", goal: "g", agent: "engineer", status: "ready" }, { name: "Write" }] };
  const state = reduceAll(start, [
    event(1, "plan_update", { change: "proposed", plan: {} }),
    event(2, "plan_update", { plan }),
  ]);
  expect(state.plan.map((step) => [step.number, step.name, step.status])).toEqual([
    [1, "Read", "ready"],
    [2, "Write", "proposed"],
  ]);
});

it("shows a step that is tried again as running, and keeps one row for it", () => {
  const state = reduceAll(start, [
    event(1, "step_started", STEP),
    event(2, "step_failed", { ...STEP, error: { message: "no" } }),
    event(3, "step_started", { ...STEP, attempt: 2 }),
  ]);
  expect(state.steps).toMatchObject([{ status: "running", attempt: 2, error: null }]);
});

it("keeps the newest console lines only", () => {
  const lines = Array.from({ length: MAX_LINES + 2005 }, (_, index) => `line ${index}`);
  const state = reduce(start, event(1, "console", { lines }));
  expect(state.lines).toHaveLength(MAX_LINES);
  expect(state.lines.at(-1)?.text).toBe(`line ${MAX_LINES + 2004}`);
});

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}

describe("tools", () => {
  const call = (seq: number, id = "c") =>
    event(seq, "tool_call", { call_id: id, tool: "read_file", arguments: { path: "a" } }, "st");
  const result = (seq: number, ok: boolean, id = "c") =>
    event(seq, "tool_result", { call_id: id, tool: "read_file", ok, result: "text", duration_ms: 7 });

  it("are joined with what came of them", () => {
    const state = reduceAll(start, [call(1), result(2, true), call(3, "d"), result(4, false, "d"), call(5, "e")]);
    expect(state.tools.map((tool) => [tool.seq, tool.status, tool.result])).toEqual([
      [1, "completed", "text"],
      [3, "failed", "text"],
      [5, "running", null],
    ]);
  });

  it("of the same id are told apart: the newest call gets the result", () => {
    const state = reduceAll(start, [call(1), result(2, true), call(3), result(4, false)]);
    expect(state.tools.map((tool) => tool.status)).toEqual(["completed", "failed"]);
  });

  it("hold code with its exit", () => {
    const run = event(1, "code_execution", { language: "python", code: "1/0", exit_status: 1, output: "no" });
    expect(reduce(start, run).tools).toMatchObject([{ kind: "code", tool: "python", status: "failed", result: "no" }]);
  });
});

describe("the picture", () => {
  const full = event(1, "dag_update", {
    full: true,
    nodes: [
      { id: "plan", type: "planning", label: "Plan", status: "completed" },
      { id: "h1", type: "step", label: "Read", status: "ready", step: 1, tool_steps: [] },
    ],
    edges: [{ source: "plan", target: "h1" }],
  });
  const plan = event(2, "plan_update", { plan: { steps: [{ step: 1, name: "Read", status: "ready" }] } });

  it("changes node by node, and the plan's steps follow", () => {
    const changed = event(3, "dag_update", { full: false, nodes: [{ id: "h1", type: "step", status: "executing" }] });
    const state = reduceAll(start, [full, plan, changed]);
    expect(state.dag.nodes[1]).toMatchObject({ label: "Read", status: "executing", number: 1 });
    expect(state.dag.edges).toEqual([{ source: "plan", target: "h1" }]);
    expect(state.plan[0]?.status).toBe("executing");
  });

  it("is replaced by a full one", () => {
    const other = event(2, "dag_update", {
      full: true,
      nodes: [{ id: "x", label: "X", status: "running" }],
      edges: [],
    });
    expect(reduceAll(start, [full, other]).dag.nodes.map((node) => node.id)).toEqual(["x"]);
  });
});

describe("files that calls write", () => {
  const call = (seq: number, id: string, args = {}) => event(seq, "tool_call", { call_id: id, tool: "run_python", arguments: args }, "st");
  const wrote = (seq: number, path: string, step: string | null = "st") =>
    event(seq, "file_update", { path, change: "changed", size: 1 }, step);
  const ended = (seq: number, id: string) => event(seq, "tool_result", { call_id: id, ok: true, result: "" }, "st");
  const made = (frames: readonly EventFrame[]) => reduceAll(start, frames).tools.map((tool) => tool.files);

  it("stand under the call that wrote them last", () => {
    const log = [call(1, "a"), wrote(2, "x.png"), wrote(3, "y.png"), ended(4, "a"), call(5, "b"), wrote(6, "x.png"), ended(7, "b")];
    expect(made(log)).toEqual([["y.png"], ["x.png"]]);
  });

  it("belong, of calls side by side, to the one that names them", () => {
    const log = [call(1, "a", { path: "x.png" }), call(2, "b", { path: "y.png" }), wrote(3, "x.png"), wrote(4, "y.png")];
    expect(made(log)).toEqual([["x.png"], ["y.png"]]);
  });

  it("belong to none in another step, after its end, or when a person wrote them", () => {
    const person = { ...wrote(3, "x.png", null), run_id: null };
    expect(made([call(1, "a"), wrote(2, "x.png", "other"), person, ended(4, "a"), wrote(5, "x.png")])).toEqual([[]]);
  });
});
