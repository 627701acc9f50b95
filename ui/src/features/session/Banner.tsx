import { Ago } from "@/components/Ago";
import { Icon } from "@/components/Icon";
import type { Shown } from "@/lib/status";
import type { SessionState } from "@/live/session-state";
import styles from "./Session.module.css";

/** A sentence on why nothing moves and what would happen next. Nothing while all is well. */
export function Banner({ state, status }: { state: SessionState; status: Shown }) {
  const kept = state.steps.filter((step) => step.status === "completed").length;
  const steps = kept === 1 ? "1 finished step is" : `${kept} finished steps are`;
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
          Paused
          {state.lastEventAt && (
            <>
              {" "}
              <Ago at={state.lastEventAt} />
            </>
          )}
          {state.facts.statusReason ? `: ${state.facts.statusReason}` : ""}. Nothing is running.{" "}
          {kept > 0 && `${steps} kept; resuming does not repeat them.`}
        </Said>
      );
    case "failed":
      return (
        <Said icon="cross" kind="bad">
          {sentence(state.run?.error ?? state.facts.statusReason ?? "The run failed")}{" "}
          {kept > 0 && `${steps} kept; a retry goes on after them.`}
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

function Said({
  icon,
  kind,
  children,
}: {
  icon: "pause" | "cross" | "clock";
  kind?: "bad";
  children: React.ReactNode;
}) {
  return (
    <p className={styles.banner} data-kind={kind}>
      <Icon name={icon} />
      <span>{children}</span>
    </p>
  );
}
