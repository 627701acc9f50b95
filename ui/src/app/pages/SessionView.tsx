import { useMediaQuery } from "@mantine/hooks";
import { getRouteApi } from "@tanstack/react-router";
import { lazy, Suspense, useRef, useState } from "react";
import { RoleProvider, useIsShared } from "@/components/Access";
import { Boundary } from "@/components/Boundary";
import type { MenuItem } from "@/components/Menu";
import { Split } from "@/components/Split";
import { Loading } from "@/components/States";
import { ApprovalCard } from "@/features/approvals/ApprovalCard";
import { PinnedRequest } from "@/features/approvals/PinnedRequest";
import { Conversation } from "@/features/conversation/Conversation";
import { Banner } from "@/features/session/Banner";
import { Header, type ForkPoint } from "@/features/session/Header";
import { Strip } from "@/features/session/Strip";
import { RoleNote } from "@/features/sharing/RoleNote";
import { Watching } from "@/features/sharing/Watching";
import { may } from "@/lib/access";
import { useKeys } from "@/lib/keys";
import { readSpan, writeSpan } from "@/lib/span";
import { shownStatus, type Shown } from "@/lib/status";
import { useConnection } from "@/live/react";
import type { SessionState } from "@/live/session-state";
import type { SessionStore } from "@/live/session-store";
import { useStanding } from "../role";
import type { SessionSearch, SessionTab } from "../search";
import { useAttention } from "../title";
import { useAnswerKeys } from "./answerKeys";
import { PhoneBar } from "./PhoneBar";
import styles from "./session.module.css";
import { tabsOf } from "./sessionTabs";
import { TabBar } from "./TabBar";

const ShareDialog = lazy(() => import("@/features/sharing/ShareDialog"));
const SessionAudit = lazy(() => import("@/features/audit/SessionAudit"));

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
  const { tab, at, span, view, node, resume } = route.useSearch();
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
  const search = (change: Partial<SessionSearch>) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const jump = (seq: number | undefined) => search({ at: seq });
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
  const tabs = tabsOf({
    state,
    store,
    status,
    heard,
    at,
    span: readSpan(span),
    view: view ?? "table",
    node,
    chat: wide ? null : conversation,
    onAt: jump,
    onSpan: (next) => search({ span: next ? writeSpan(next) : undefined, at: undefined }),
    onView: (next) => search({ view: next === "table" ? undefined : next }),
    onNode: (next) => search({ node: next }),
    onEvent: (seq) => void navigate({ search: { tab: "events", at: seq }, replace: true }),
    onLine: (seq) => void navigate({ search: { tab: "console", at: seq }, replace: true }),
    onFork: setFork,
  });
  const wanted = tab ?? (wide ? "overview" : "chat");
  const current = tabs.find((each) => each.id === wanted) ?? tabs[0];
  useKeys(Object.fromEntries(tabs.map((each, index) => [String(index + 1), () => show(each.id)])));
  useAnswerKeys();

  const views = (
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
  );
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
        onResumes={() => search({ resume: undefined })}
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
      <div className={styles.work}>
        {wide ? (
          <Split
            name="session"
            label="Width of the conversation"
            initial={53}
            left={views}
            right={<div className={styles.pane}>{conversation}</div>}
          />
        ) : (
          views
        )}
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
