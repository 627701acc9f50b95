import { lazy, type ReactNode } from "react";
import { Grants } from "@/features/grants/Grants";
import { Overview } from "@/features/overview/Overview";
import type { ForkPoint } from "@/features/session/Header";
import { Queue } from "@/features/session/Queue";
import { StepList } from "@/features/steps/StepList";
import type { Span } from "@/lib/span";
import type { Shown } from "@/lib/status";
import type { SessionState } from "@/live/session-state";
import type { SessionStore } from "@/live/session-store";
import type { LogView } from "../search";
import type { TabHead } from "./TabBar";

const DagTab = lazy(() => import("@/features/dag/DagTab"));
const ConsoleView = lazy(() => import("@/features/console/ConsoleView"));
const EventsTab = lazy(() => import("@/features/events/EventsTab"));
const CostsTab = lazy(() => import("@/features/costs/CostsTab"));
const FileList = lazy(() => import("@/features/files/FileList"));
const ConfigTab = lazy(() => import("@/features/config/ConfigTab"));
const MissionTab = lazy(() => import("@/features/mission/MissionTab"));

export interface Tab extends TabHead {
  readonly content: () => ReactNode;
}

interface Page {
  readonly state: SessionState;
  readonly store: SessionStore;
  readonly status: Shown;
  readonly heard: boolean;
  readonly at: number | undefined;
  readonly span: Span | null;
  readonly view: LogView;
  readonly node: string | undefined;
  /** Where it is a tab like the others; null: it stands beside them. */
  readonly chat: ReactNode;
  readonly onAt: (seq: number | undefined) => void;
  readonly onSpan: (span: Span | null) => void;
  readonly onView: (view: LogView) => void;
  readonly onNode: (node: string | undefined) => void;
  /** Show one event of the log. */
  readonly onEvent: (seq: number) => void;
  /** Show the console at an event. */
  readonly onLine: (seq: number) => void;
  readonly onFork: (point: ForkPoint) => void;
}

/** The views of a session, in their order. */
export function tabsOf(page: Page): readonly Tab[] {
  const { state, store, status, heard, at, span } = page;
  const head = (id: Tab["id"], label: string, icon: Tab["icon"], content: Tab["content"], count = 0): Tab => ({
    id,
    label,
    icon,
    count,
    content,
  });
  const hasMission = state.plan.length > 0 || state.dag.nodes.some((each) => each.toolSteps !== null);
  const tabs = [
    head("overview", "Overview", "list", () => (
      <Overview
        state={state}
        onJump={page.onEvent}
        queue={
          <>
            <Grants state={state} quiet />
            <Queue sessionId={state.sessionId} />
          </>
        }
        steps={
          <StepList
            begun={state.steps}
            plan={state.plan}
            live={status === "running" || status === "pausing"}
            waits={status === "needs-you"}
            heard={heard}
          />
        }
      />
    )),
    head("mission", "Mission", "flag", () => <MissionTab state={state} />),
    head("dag", "DAG", "graph", () => (
      <DagTab
        state={state}
        heard={heard}
        selected={page.node}
        onSelect={page.onNode}
        onFork={(step, name) => page.onFork({ step, words: `before “${name}”` })}
        onJump={page.onEvent}
        onLine={page.onLine}
      />
    )),
    head(
      "console",
      "Console",
      "terminal",
      () => (
        <ConsoleView
          sessionId={state.sessionId}
          lines={state.lines}
          from={state.linesFrom}
          onOlder={(to) => store.loadOlderLines(to)}
          at={at}
          onAt={page.onAt}
          span={span}
          onSpan={page.onSpan}
          href={`/api/sessions/${state.sessionId}/console.log`}
          name={state.facts.name}
        />
      ),
      state.lines.length,
    ),
    head(
      "events",
      "Events",
      "clock",
      () => (
        <EventsTab
          store={store}
          seq={state.seq}
          at={at}
          onAt={page.onAt}
          span={span}
          onSpan={page.onSpan}
          view={page.view}
          onView={page.onView}
          onFork={(seq) => page.onFork({ seq, words: `after event ${seq}` })}
        />
      ),
      state.seq,
    ),
    head("costs", "Costs", "coin", () => <CostsTab state={state} />),
    head(
      "files",
      "Files",
      "file",
      () => (
        <FileList
          sessionId={state.sessionId}
          files={state.files}
          stepName={(id) => state.steps.find((step) => step.stepId === id)?.name}
          onJump={page.onEvent}
        />
      ),
      state.files.length,
    ),
    head("config", "Config", "gear", () => <ConfigTab state={state} grants={<Grants state={state} />} />),
  ];
  return [
    ...(page.chat === null ? [] : [head("chat", "Chat", "chat", () => page.chat)]),
    ...tabs.filter((tab) => tab.id !== "mission" || hasMission),
  ];
}
