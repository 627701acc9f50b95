import { useMediaQuery } from "@mantine/hooks";
import { getRouteApi } from "@tanstack/react-router";
import { lazy, Suspense, useRef, useState, type ReactNode } from "react";
import { RoleProvider, useIsShared } from "@/components/Access";
import { Boundary } from "@/components/Boundary";
import type { MenuItem } from "@/components/Menu";
import { Loading } from "@/components/States";
import { ApprovalCard } from "@/features/approvals/ApprovalCard";
import { PinnedRequest } from "@/features/approvals/PinnedRequest";
import { Conversation } from "@/features/conversation/Conversation";
import { Grants } from "@/features/grants/Grants";
import { Overview } from "@/features/overview/Overview";
import { Banner } from "@/features/session/Banner";
import { Header, type ForkPoint } from "@/features/session/Header";
import { Queue } from "@/features/session/Queue";
import { Strip } from "@/features/session/Strip";
import { RoleNote } from "@/features/sharing/RoleNote";
import { Watching } from "@/features/sharing/Watching";
import { StepList } from "@/features/steps/StepList";
import { may } from "@/lib/access";
import { useKeys } from "@/lib/keys";
import { shownStatus, type Shown } from "@/lib/status";
import { useConnection } from "@/live/react";
import type { SessionState } from "@/live/session-state";
import type { SessionStore } from "@/live/session-store";
import { useStanding } from "../role";
import type { SessionTab } from "../search";
import { useAttention } from "../title";
import { PhoneBar } from "./PhoneBar";
import styles from "./session.module.css";
import { TabBar, type TabHead } from "./TabBar";

const DagTab = lazy(() => import("@/features/dag/DagTab"));
const ConsoleView = lazy(() => import("@/features/console/ConsoleView"));
const EventsTab = lazy(() => import("@/features/events/EventsTab"));
const CostsTab = lazy(() => import("@/features/costs/CostsTab"));
const FileList = lazy(() => import("@/features/files/FileList"));
const ConfigTab = lazy(() => import("@/features/config/ConfigTab"));
const ShareDialog = lazy(() => import("@/features/sharing/ShareDialog"));
const SessionAudit = lazy(() => import("@/features/audit/SessionAudit"));
const MissionTab = lazy(() => import("@/features/mission/MissionTab"));

const route = getRouteApi("/sessions/$id");
const WIDE = "(min-width: 1180px)";
const PHONE = "(max-width: 640px)";
const CLOSED: Readonly<Partial<Record<Shown, string>>> = {
  paused: "Resume the session to write to it",
  expired: "Resume the session to write to it",
  failed: "Retry the run to go on and write",
  archived: "Restore the session to write to it",
  deleted: "Restore the session to write to it",
};
const BUSY = new Set(["needs-you", "running", "pausing", "stopping"]);

interface Tab extends TabHead {
  readonly content: () => ReactNode;
}

export function SessionView(props: { state: SessionState; store: SessionStore }) {
  const { role, ownerName } = useStanding(props.state.sessionId, props.state.facts);
  return (
    <RoleProvider role={role}>
      <View {...props} role={role} ownerName={ownerName} />
    </RoleProvider>
  );
}

interface ViewProps {
  readonly state: SessionState;
  readonly store: SessionStore;
  readonly role: string | null;
  readonly ownerName: string | null;
}

function View({ state, store, role, ownerName }: ViewProps) {
  const { tab, at, node, resume } = route.useSearch();
  const navigate = route.useNavigate();
  const wide = useMediaQuery(WIDE, true, { getInitialValueInEffect: false });
  const phone = useMediaQuery(PHONE, false, { getInitialValueInEffect: false });
  const message = useRef<HTMLTextAreaElement>(null);
  const [fork, setFork] = useState<ForkPoint | null>(null);
  const [over, setOver] = useState<"share" | "audit" | null>(null);
  const several = useIsShared();
  const deleted = state.facts.status === "deleted";
  const pending = state.approvals.filter((approval) => approval.status === "pending");
  const status = shownStatus(state.facts.status, state.run?.status, pending.length);
  const heard = useConnection().kind === "live";
  const live = status === "running" || status === "pausing";
  useAttention(state.facts.name, pending.length, status);

  const more: MenuItem[] = [];
  if (several && !deleted) {
    const label = may(role, "share") ? "Share…" : "Your access…";
    more.push({ label, icon: "users", onPress: () => setOver("share") });
  }
  if (may(role, "audit") && !deleted) {
    more.push({ label: "Who did what…", icon: "shield", onPress: () => setOver("audit") });
  }

  const show = (next: SessionTab) =>
    void navigate({
      search: (before) => ({ ...before, tab: next === (wide ? "overview" : "chat") ? undefined : next, at: undefined }),
      replace: true,
    });
  const jump = (seq: number | undefined) =>
    void navigate({ search: (before) => ({ ...before, at: seq }), replace: true });
  const jumpToEvent = (seq: number) => void navigate({ search: { tab: "events", at: seq }, replace: true });
  const review = () => {
    const card = document.querySelector<HTMLElement>("[data-request]");
    card?.scrollIntoView({ block: "nearest" });
    card?.focus();
  };
  const write = () => {
    if (!wide) show("chat");
    setTimeout(() => message.current?.focus());
  };

  const conversation = (
    <Conversation
      state={state}
      busy={BUSY.has(status)}
      heard={heard}
      closed={CLOSED[status] ?? null}
      inputRef={message}
      onOlder={store.loadOlderMessages}
      decision={(approval) => <ApprovalCard approval={approval} />}
    />
  );
  const hasMission = state.plan.length > 0 || state.dag.nodes.some((each) => each.toolSteps !== null);
  const tabs: readonly Tab[] = [
    ...(wide ? [] : [{ id: "chat", label: "Chat", icon: "chat", count: 0, content: () => conversation } as const]),
    {
      id: "overview",
      label: "Overview",
      icon: "list",
      count: 0,
      content: () => (
        <Overview
          state={state}
          onJump={jumpToEvent}
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
              live={live}
              waits={status === "needs-you"}
              heard={heard}
            />
          }
        />
      ),
    },
    ...(hasMission
      ? [
          {
            id: "mission",
            label: "Mission",
            icon: "flag",
            count: 0,
            content: () => <MissionTab state={state} />,
          } as const,
        ]
      : []),
    {
      id: "dag",
      label: "DAG",
      icon: "graph",
      count: 0,
      content: () => (
        <DagTab
          state={state}
          heard={heard}
          selected={node}
          onSelect={(next) => void navigate({ search: (before) => ({ ...before, node: next }), replace: true })}
          onFork={(step, name) => setFork({ step, words: `before “${name}”` })}
          onJump={jumpToEvent}
        />
      ),
    },
    {
      id: "console",
      label: "Console",
      icon: "terminal",
      count: state.lines.length,
      content: () => (
        <ConsoleView
          lines={state.lines}
          from={state.linesFrom}
          onOlder={(to) => store.loadOlderLines(to)}
          at={at}
          onAt={jump}
          href={`/api/sessions/${state.sessionId}/console.log`}
          name={state.facts.name}
        />
      ),
    },
    {
      id: "events",
      label: "Events",
      icon: "clock",
      count: state.seq,
      content: () => (
        <EventsTab
          store={store}
          seq={state.seq}
          at={at}
          onAt={jump}
          onFork={(seq) => setFork({ seq, words: `after event ${seq}` })}
        />
      ),
    },
    { id: "costs", label: "Costs", icon: "coin", count: 0, content: () => <CostsTab state={state} /> },
    {
      id: "files",
      label: "Files",
      icon: "file",
      count: state.files.length,
      content: () => (
        <FileList
          sessionId={state.sessionId}
          files={state.files}
          stepName={(id) => state.steps.find((step) => step.stepId === id)?.name}
          onJump={jumpToEvent}
        />
      ),
    },
    {
      id: "config",
      label: "Config",
      icon: "gear",
      count: 0,
      content: () => <ConfigTab state={state} grants={<Grants state={state} />} />,
    },
  ];
  const wanted = tab ?? (wide ? "overview" : "chat");
  const current = tabs.find((each) => each.id === wanted) ?? tabs[0];
  useKeys(Object.fromEntries(tabs.map((each, index) => [String(index + 1), () => show(each.id)])));
  useAnswerKeys();

  return (
    <div className={styles.page}>
      <Header
        state={state}
        status={status}
        heard={heard}
        onReview={review}
        onWrite={write}
        fork={fork}
        onFork={setFork}
        resumes={resume === true}
        onResumes={() =>
          void navigate({ search: (before) => ({ ...before, resume: undefined }), replace: true })
        }
        beside={<Watching sessionId={state.sessionId} />}
        more={more}
      />
      <RoleNote role={role} ownerName={ownerName} />
      <Strip state={state} />
      <Banner state={state} status={status} />
      <div aria-live="assertive" className="visually-hidden">
        {pending[0] ? `A question waits for you: ${pending[0].title}` : ""}
      </div>
      {pending.map((approval) => (
        <ApprovalCard key={approval.approvalId} approval={approval} />
      ))}
      <div className={styles.work} data-wide={wide || undefined}>
        <div className={styles.pane}>
          {!phone && <TabBar tabs={tabs} current={current?.id ?? "overview"} onChange={show} />}
          <div
            {...(phone
              ? { role: "region", "aria-label": current?.label }
              : { role: "tabpanel", id: `panel-${current?.id}`, "aria-labelledby": `tab-${current?.id}` })}
            className={styles.panel}
            tabIndex={0}
          >
            <Boundary key={current?.id}>
              <Suspense fallback={<Loading />}>{current?.content()}</Suspense>
            </Boundary>
          </div>
        </div>
        {wide && <div className={styles.pane}>{conversation}</div>}
      </div>
      <Suspense fallback={null}>
        {over === "share" && (
          <ShareDialog
            sessionId={state.sessionId}
            name={state.facts.name}
            role={role}
            ownerName={ownerName}
            onClose={() => setOver(null)}
            onLeft={() => void navigate({ to: "/sessions" })}
          />
        )}
        {over === "audit" && <SessionAudit sessionId={state.sessionId} onClose={() => setOver(null)} />}
      </Suspense>
      {phone && (
        <>
          <PinnedRequest pending={pending} />
          <PhoneBar tabs={tabs} current={current?.id ?? "chat"} onChange={show} />
        </>
      )}
    </div>
  );
}

const ANSWER_KEYS: Readonly<Record<string, readonly string[]>> = {
  a: ["approve", "continue", "answer"],
  e: ["modify"],
  r: ["reject", "abort", "revise"],
};

/** a, e and r press the answers of the first open question; the answers that need words ask for them first. */
function useAnswerKeys(): void {
  const press = (resolutions: readonly string[]) => {
    const card = document.querySelector<HTMLElement>("[data-request]");
    for (const resolution of resolutions) {
      const button = card?.querySelector<HTMLButtonElement>(`button[data-answer="${resolution}"]:not(:disabled)`);
      if (button) {
        button.focus();
        return button.click();
      }
    }
  };
  useKeys(Object.fromEntries(Object.entries(ANSWER_KEYS).map(([key, resolutions]) => [key, () => press(resolutions)])));
}
