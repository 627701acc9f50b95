import { Tabs } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useRef, type ReactNode } from "react";
import { Icon, type IconName } from "@/components/Icon";
import { EmptyState, ErrorState, Loading } from "@/components/States";
import { ApprovalCard } from "@/features/approvals/ApprovalCard";
import { ConsoleView } from "@/features/console/ConsoleView";
import { Conversation } from "@/features/conversation/Conversation";
import { FileList } from "@/features/files/FileList";
import { Banner } from "@/features/session/Banner";
import { Header } from "@/features/session/Header";
import { Strip } from "@/features/session/Strip";
import { StepList } from "@/features/steps/StepList";
import { shownStatus } from "@/lib/status";
import { useConnection, useSession } from "@/live/react";
import type { SessionState } from "@/live/session-state";
import type { SessionTab } from "../router";
import { useTitle } from "../title";
import styles from "./pages.module.css";

const route = getRouteApi("/sessions/$id");
const WIDE = "(min-width: 1120px)";

export function SessionPage() {
  const { id } = route.useParams();
  const { view, store } = useSession(id);
  switch (view.kind) {
    case "loading":
      return (
        <>
          <h1 className="visually-hidden">Session</h1>
          <Loading rows={8} label="Loading the session" />
        </>
      );
    case "failed":
      return (
        <>
          <h1>Session</h1>
          <ErrorState problem={view.problem} onRetry={store.reload} />
        </>
      );
    case "gone":
      return (
        <>
          <h1>Session</h1>
          <EmptyState action={<Link to="/sessions">All sessions</Link>}>
            There is no session at this address. It may have been deleted.
          </EmptyState>
        </>
      );
    case "ready":
      return <Ready key={id} state={view.state} />;
    default:
      return view satisfies never;
  }
}

const WRITABLE = new Set(["needs-you", "running", "ready", "done", "pausing", "stopping"]);
const BUSY = new Set(["needs-you", "running", "pausing", "stopping"]);

function Ready({ state }: { state: SessionState }) {
  const { tab } = route.useSearch();
  const navigate = route.useNavigate();
  const wide = useMediaQuery(WIDE, true, { getInitialValueInEffect: false });
  const message = useRef<HTMLTextAreaElement>(null);
  const pending = state.approvals.filter((approval) => approval.status === "pending");
  const answered = state.approvals.filter((approval) => approval.status !== "pending");
  const status = shownStatus(state.facts.status, state.run?.status, pending.length);
  const heard = useConnection().kind === "live";
  const live = status === "running" || status === "pausing";
  useTitle(`${pending.length > 0 ? `(${pending.length}) ` : ""}${state.facts.name}`);

  const show = (next: SessionTab) =>
    void navigate({ search: next === "chat" ? {} : { tab: next }, replace: true });
  const review = () => {
    const card = document.getElementById("request");
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
      canWrite={WRITABLE.has(status)}
      inputRef={message}
    />
  );
  const tabs: readonly [SessionTab, string, IconName, number, ReactNode][] = [
    ["steps", "Steps", "list", state.steps.length, <StepList begun={state.steps} plan={state.plan} live={live} heard={heard} />],
    ["console", "Console", "terminal", state.lines.length, <ConsoleView lines={state.lines} />],
    ["files", "Files", "file", state.files.length, <FileList sessionId={state.sessionId} files={state.files} />],
  ];
  const current = wide && (tab ?? "chat") === "chat" ? "steps" : (tab ?? "chat");
  return (
    <>
      <Header state={state} status={status} heard={heard} onReview={review} onWrite={write} />
      <Strip state={state} />
      <Banner state={state} status={status} />
      <div aria-live="assertive" className="visually-hidden">
        {pending[0] ? `A question waits for you: ${pending[0].title}` : ""}
      </div>
      {pending.map((approval) => (
        <ApprovalCard key={approval.approvalId} approval={approval} />
      ))}
      {answered.map((approval) => (
        <ApprovalCard key={approval.approvalId} approval={approval} />
      ))}
      <div className={styles.work} data-wide={wide || undefined}>
        <Tabs
          value={current}
          onChange={(next) => next && show(next as SessionTab)}
          keepMounted={false}
          className={styles.pane ?? ""}
        >
          <Tabs.List className={styles.tabs ?? ""}>
            {!wide && (
              <Tabs.Tab value="chat" leftSection={<Icon name="chat" />}>
                Chat
              </Tabs.Tab>
            )}
            {tabs.map(([value, label, icon, count]) => (
              <Tabs.Tab key={value} value={value} leftSection={<Icon name={icon} />}>
                {label}
                {count > 0 && <span className={styles.count}> {count}</span>}
              </Tabs.Tab>
            ))}
          </Tabs.List>
          {!wide && (
            <Tabs.Panel value="chat" className={styles.panel ?? ""}>
              {conversation}
            </Tabs.Panel>
          )}
          {tabs.map(([value, , , , content]) => (
            <Tabs.Panel key={value} value={value} className={styles.panel ?? ""}>
              {content}
            </Tabs.Panel>
          ))}
        </Tabs>
        {wide && <div className={styles.pane}>{conversation}</div>}
      </div>
    </>
  );
}
