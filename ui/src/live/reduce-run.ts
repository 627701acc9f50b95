/** Events of runs, their steps and the plan. */

import { asFields, type EventFrame } from "./frames";
import type { DagEdge, DagNode, PlannedEntry, RunEntry, SessionState, StepEntry, StepStatus } from "./session-state";
import { count, list, text, upsert } from "./values";

/** The plan as events and session details carry it: `{steps: [{step, name, goal, agent, status}]}`. */
export function readPlan(plan: unknown): PlannedEntry[] {
  return list(asFields(plan)["steps"]).map((value, index) => {
    const step = asFields(value);
    return {
      number: count(step["step"]) ?? index + 1,
      name: text(step["name"]) ?? `Step ${index + 1}`,
      goal: text(step["goal"]),
      agent: text(step["agent"]),
      status: text(step["status"]) ?? "proposed",
    };
  });
}

export function withRun(state: SessionState, event: EventFrame, change: Partial<RunEntry>): SessionState {
  const runId = event.run_id ?? state.run?.runId;
  if (runId === undefined) return state;
  const base: RunEntry =
    state.run?.runId === runId
      ? state.run
      : {
          runId,
          status: "queued",
          task: "",
          attempt: 1,
          model: null,
          startedAt: null,
          endedAt: null,
          activeMs: 0,
          activeSince: null,
          error: null,
          failedStep: null,
          resumable: false,
          result: null,
        };
  return { ...state, run: { ...base, ...change } };
}

/** The clock of the run stops; what it had worked is kept. */
export function stopped({ run }: SessionState, at: string): Partial<RunEntry> {
  if (!run?.activeSince) return {};
  return { activeMs: run.activeMs + between(run.activeSince, at), activeSince: null };
}

/** The clock of the run goes on. What lay between its last event and a restart of the server was no work. */
export function goingOn(state: SessionState, at: string, afterRestart: boolean): Partial<RunEntry> {
  if (!state.run?.activeSince) return { activeSince: at };
  return afterRestart ? { ...stopped(state, state.lastEventAt ?? at), activeSince: at } : {};
}

function between(from: string, to: string): number {
  return Math.max(0, Date.parse(to) - Date.parse(from)) || 0;
}

export function withStep(
  state: SessionState,
  event: EventFrame,
  status: StepStatus,
  change: Partial<StepEntry>,
): SessionState {
  const { data } = event;
  const stepId = text(data["step_id"]) ?? event.step;
  if (stepId === null) return state;
  const known = state.steps.find((step) => step.stepId === stepId);
  const attempt = count(data["attempt"]) ?? known?.attempt ?? 1;
  if (known && isOlder(known, status, attempt)) return state;
  const step: StepEntry = {
    stepId,
    runId: event.run_id,
    key: text(data["key"]) ?? known?.key ?? stepId,
    number: count(data["step_number"]) ?? known?.number ?? null,
    name: text(data["name"]) ?? known?.name ?? "",
    goal: text(data["goal"]) ?? known?.goal ?? null,
    agent: text(data["agent"]) ?? known?.agent ?? null,
    phase: known?.phase ?? state.facts.phase,
    summary: known?.summary ?? null,
    error: known?.error ?? null,
    startedAt: known?.startedAt ?? null,
    durationMs: known?.durationMs ?? null,
    ...change,
    status,
    attempt,
  };
  return { ...state, steps: upsert(state.steps, step, (entry) => entry.stepId) };
}

/** A snapshot may be newer than the events that are replayed after it. */
function isOlder(known: StepEntry, status: StepStatus, attempt: number): boolean {
  if (attempt < known.attempt) return true;
  return attempt === known.attempt && status === "running" && known.status === "completed";
}

/** A full picture replaces the one there is; otherwise nodes are put in place of those with their id. */
export function withDag(state: SessionState, data: EventFrame["data"]): SessionState {
  const nodes = readNodes(data["nodes"]);
  const edges = readEdges(data["edges"]);
  if (data["full"] !== false) return { ...state, dag: { nodes, edges } };
  const merged = nodes.reduce<readonly DagNode[]>((all, node) => {
    const index = all.findIndex((known) => known.id === node.id);
    const known = all[index];
    return known ? all.with(index, { ...known, ...defined(node) }) : [...all, node];
  }, state.dag.nodes);
  return { ...state, dag: { nodes: merged, edges: edges.length > 0 ? edges : state.dag.edges } };
}

/** What hops are doing is told by the picture; the plan's steps follow it. */
export function withPlannedStatuses(state: SessionState): SessionState {
  const byNumber = new Map(state.dag.nodes.filter((node) => node.toolSteps).map((node) => [node.number, node.status]));
  const plan = state.plan.map((step) => ({ ...step, status: byNumber.get(step.number) ?? step.status }));
  return { ...state, plan };
}

export function readNodes(value: unknown): DagNode[] {
  return list(value).flatMap((each) => {
    const node = asFields(each);
    const id = text(node["id"]);
    if (id === null) return [];
    return {
      id,
      type: text(node["type"]) ?? "step",
      label: text(node["label"]) ?? id,
      status: text(node["status"]) ?? "pending",
      number: count(node["step"]),
      agent: text(node["agent"]),
      goal: text(node["goal"]),
      steps: Array.isArray(node["steps"]) ? node["steps"].map(asFields) : null,
      toolSteps: Array.isArray(node["tool_steps"]) ? node["tool_steps"].map(asFields) : null,
    };
  });
}

export function readEdges(value: unknown): DagEdge[] {
  return list(value).flatMap((each) => {
    const { source, target } = asFields(each);
    return typeof source === "string" && typeof target === "string" ? { source, target } : [];
  });
}

/** A node that changed says only what changed. */
function defined(node: DagNode): Partial<DagNode> {
  const known = Object.entries(node).filter(
    ([name, value]) => value !== null && !(name === "label" && value === node.id),
  );
  return Object.fromEntries(known) as Partial<DagNode>;
}
