import { Button } from "@mantine/core";
import { useState } from "react";
import { Ago } from "@/components/Ago";
import { Icon } from "@/components/Icon";
import type { Shown } from "@/lib/status";
import type { SessionState } from "@/live/session-state";
import styles from "./Session.module.css";

/** A sentence on why nothing moves and what would happen next. Nothing while all is well. */
export function Banner({ state, status }: { state: SessionState; status: Shown }) {
  const kept = state.steps.filter((step) => step.status === "completed").length;
  const steps = kept === 1 ? "1 finished step is" : `${kept} finished steps are`;
  const them = kept === 1 ? "it" : "them";
  switch (status) {
    case "pausing":
      return (
        <Said icon="pause">
          Pausing: the step under way finishes first. “Pause now” stops it; it then runs again when you resume.
        </Said>
      );
    case "paused":
      return (
        <Said icon="pause">
          Paused{pausedBy(state.facts.statusReason)}
          {state.lastEventAt && (
            <>
              {" "}
              <Ago at={state.lastEventAt} />
            </>
          )}
          {state.facts.stepNumber !== null && ` at step ${state.facts.stepNumber}`}. Nothing is running. {kept > 0 && `${steps} kept; resuming does not repeat ${them}.`}
        </Said>
      );
    case "failed":
      return (
        <Said icon="cross" kind="bad" beside={<CopyReport state={state} />}>
          {sentence(state.run?.error ?? state.facts.statusReason ?? "The run failed")}{" "}
          {kept > 0 && `${steps} kept; a retry goes on after ${them}.`}
        </Said>
      );
    case "expired":
      return <Said icon="clock">{state.facts.statusReason ?? "Idle for too long."} It can be resumed.</Said>;
    case "archived":
    case "deleted":
    case "needs-you":
    case "running":
    case "ready":
    case "stopping":
    case "done":
      return null;
    default:
      return status satisfies never;
  }
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** By whom, and why where there is more to say; without sign-in there is one person only. */
function pausedBy(reason: string | null): string {
  if (!reason) return "";
  const name = /^paused by (.+)$/.exec(reason)?.[1];
  if (name === undefined) return ` (${reason})`;
  return name === "local" ? " by you" : ` by ${name}`;
}

/** What somebody who is asked for help needs to know. */
function CopyReport({ state }: { state: SessionState }) {
  const [copied, setCopied] = useState(false);
  const { run, facts } = state;
  if (!navigator.clipboard) return null;
  const report = [
    run?.error ?? facts.statusReason,
    run?.failedStep && `step ${run.failedStep}`,
    run && `run ${run.runId}, attempt ${run.attempt}, ${facts.mode}, ${run.model ?? "no model"}`,
    `session ${state.sessionId}, event ${state.seq}`,
    window.location.href,
  ];
  const copy = () =>
    void navigator.clipboard.writeText(report.filter(Boolean).join("\n")).then(
      () => setCopied(true),
      () => undefined,
    );
  return (
    <Button size="compact-sm" variant="default" onClick={copy}>
      {copied ? "Copied" : "Copy report"}
    </Button>
  );
}

function Said({
  icon,
  kind,
  beside,
  children,
}: {
  icon: "pause" | "cross" | "clock";
  kind?: "bad";
  beside?: React.ReactNode;
  children: React.ReactNode;
}) {
  return (
    <p className={styles.banner} data-kind={kind}>
      <Icon name={icon} />
      <span>{children}</span>
      {beside}
    </p>
  );
}
