import { Button } from "@mantine/core";
import { useEffect, useState, type ReactNode } from "react";
import { Ago } from "@/components/Ago";
import { Icon } from "@/components/Icon";
import { Markdown } from "@/components/Markdown";
import { WorkspaceProvider } from "@/components/Workspace";
import { dollars, integer } from "@/lib/format";
import { useNow } from "@/lib/now";
import { readStored, writeStored } from "@/lib/stored";
import { clock, duration } from "@/lib/time";
import { timesOf } from "@/live/clock";
import type { RunEntry, SessionState } from "@/live/session-state";
import styles from "./Overview.module.css";

interface Props {
  readonly state: SessionState;
  readonly steps: ReactNode;
  readonly queue: ReactNode;
  readonly onJump: (seq: number) => void;
}

/** What was asked, what came of it, how far it is, and what is known besides. */
export function Overview({ state, steps, queue, onJump }: Props) {
  const { run, facts } = state;
  const summary = typeof run?.result?.["summary"] === "string" ? run.result["summary"] : null;
  return (
    <div className={styles.overview}>
      <Since state={state} onJump={onJump} />
      {run && (
        <section aria-label="Task">
          <h2>Task</h2>
          <p className={styles.task} tabIndex={0}>
            {run.task}
          </p>
        </section>
      )}
      {summary && run?.status === "completed" && (
        <section aria-label="Result">
          <h2>Result</h2>
          <div className={styles.result}>
            <WorkspaceProvider sessionId={state.sessionId} files={state.files}>
              <Markdown text={summary} />
            </WorkspaceProvider>
          </div>
        </section>
      )}
      {queue}
      <section aria-label="Progress">
        <h2>Steps</h2>
        {steps}
      </section>
      {state.notices.length > 0 && (
        <section aria-label="Notices">
          <h2>Notices</h2>
          <ul className={styles.notices}>
            {state.notices.slice(-5).map((notice) => (
              <li key={notice.seq}>
                <button type="button" onClick={() => onJump(notice.seq)}>
                  {clock(notice.at)}
                </button>
                <span>{notice.text || notice.code}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
      <section aria-label="Facts">
        <h2>Facts</h2>
        <dl className={styles.facts}>
          <Fact name="Mode">{facts.mode}</Fact>
          {run?.model && <Fact name="Model">{run.model}</Fact>}
          <Fact name="Created">{facts.createdAt && <Ago at={facts.createdAt} />}</Fact>
          {run?.startedAt && (
            <Fact name="Run began">
              <Ago at={run.startedAt} />
            </Fact>
          )}
          {run && <Took run={run} />}
          {run && <Fact name="Attempt">{run.attempt}</Fact>}
          <Fact name="Model calls">{integer(state.cost.calls)}</Fact>
          <Fact name="Tokens">
            {integer(state.cost.inputTokens)} in, {integer(state.cost.outputTokens)} out
          </Fact>
          <div className={styles.whole}>
            <dt>Session</dt>
            <dd>
              <code>{state.sessionId}</code>
            </dd>
          </div>
        </dl>
      </section>
    </div>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** What waited for people, or for a resume, is no work. */
function Took({ run }: { run: RunEntry }) {
  const times = timesOf(run, useNow());
  if (!times) return null;
  return (
    <>
      <Fact name="Worked">{duration(times.active)}</Fact>
      <Fact name={run.endedAt ? "From start to end" : "Since it began"}>{duration(times.elapsed)}</Fact>
    </>
  );
}

interface Seen {
  readonly seq: number;
  readonly files: number;
  readonly usd: number;
}

const WORTH_SAYING = 3;

/** What happened since this browser last showed the session. */
function Since({ state, onJump }: { state: SessionState; onJump: (seq: number) => void }) {
  const key = `seen.${state.sessionId}`;
  const [before, setBefore] = useState(() => readStored<Seen>(key));
  const now: Seen = { seq: state.seq, files: state.files.length, usd: state.cost.usd ?? 0 };
  const [opened] = useState(now);
  useEffect(() => {
    const save = () => writeStored(key, now);
    window.addEventListener("pagehide", save);
    return () => {
      window.removeEventListener("pagehide", save);
      save();
    };
  });
  if (!before || opened.seq - before.seq < WORTH_SAYING) return null;
  const files = opened.files - before.files;
  const spent = opened.usd - before.usd;
  return (
    <div className={styles.since} role="note">
      <span>
        While you were away: {integer(opened.seq - before.seq)} events
        {files > 0 && `, ${files} new ${files === 1 ? "file" : "files"}`}
        {spent > 0 && `, ${dollars(spent)}`}.
      </span>
      <Button size="compact-xs" variant="subtle" onClick={() => onJump(before.seq + 1)}>
        Show
      </Button>
      <Button size="compact-xs" variant="subtle" aria-label="Dismiss" onClick={() => setBefore(null)}>
        <Icon name="cross" size={13} />
      </Button>
    </div>
  );
}
