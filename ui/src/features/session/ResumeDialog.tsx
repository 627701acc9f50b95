import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { getCosts, getEvents, resumeSession, retryRun } from "@/api/sessions";
import { Ago } from "@/components/Ago";
import { Dialog } from "@/components/Dialog";
import fields from "@/components/form/form.module.css";
import { Money } from "@/components/Money";
import { useOneAtATime } from "@/components/OneAtATime";
import { ErrorState } from "@/components/States";
import { useDraft } from "@/lib/draft";
import { dollars } from "@/lib/format";
import { readEvent } from "@/live/frames";
import type { StepEntry } from "@/live/session-state";
import { CHANGES, CHANGES_BACK, changedPrices, changedSince } from "./changed";
import { Cancel, plural, useCommand, type DialogProps } from "./command";
import styles from "./Session.module.css";

/** What is kept and what runs again, before anything moves. */
export function ResumeDialog({ state, onClose, onFork }: DialogProps & { onFork: () => void }) {
  const [words, setWords] = useDraft(`resume.${state.sessionId}`);
  const [from, setFrom] = useState("");
  const { busy, problem, run } = useCommand(onClose);
  const mayRunBeside = useOneAtATime();
  const log = useQuery({
    queryKey: ["changed", state.sessionId, state.seq],
    queryFn: () => getEvents(state.sessionId, Math.max(0, state.seq - CHANGES_BACK), CHANGES, CHANGES_BACK),
    retry: false, // the preview is a courtesy: a resume does not depend on it
  });
  const costs = useQuery({
    queryKey: ["costs", state.sessionId, state.cost.calls],
    queryFn: () => getCosts(state.sessionId),
    retry: false,
  });
  const since = log.data && changedSince(log.data.events.map(readEvent).filter((event) => event !== null));
  const prices = costs.data ? changedPrices(costs.data) : null;
  const changed = since || prices ? [...(since ?? []), ...(prices ? [prices] : [])] : null;
  const kept = state.steps.filter((step) => step.status === "completed" && step.runId === state.run?.runId);
  const again = state.steps.filter(
    (step) => (step.status === "running" || step.status === "failed") && step.runId === state.run?.runId,
  );
  const open = state.tools.filter((tool) => tool.status === "running" && tool.runId === state.run?.runId);
  const most = state.facts.limits["max_cost_usd"];
  const resume = () =>
    run(async () => {
      const text = words.trim();
      if (!(await mayRunBeside(state.sessionId))) return;
      await resumeSession(state.sessionId, {
        ...(text ? { additional_context: text } : {}),
        ...(from ? { from_step: from } : {}),
      });
      setWords("");
    });
  return (
    <Dialog
      title={`Resume “${state.facts.name}”`}
      onClose={onClose}
      footer={
        <>
          <Cancel onClose={onClose} />
          <Button
            variant="default"
            onClick={() => {
              onClose();
              onFork();
            }}
          >
            Fork instead
          </Button>
          <Button loading={busy} onClick={() => void resume()}>
            Resume
          </Button>
        </>
      }
    >
      <dl className={styles.preview}>
        <div>
          <dt>Stopped</dt>
          <dd>
            {state.lastEventAt ? <Ago at={state.lastEventAt} /> : "–"}
            {state.facts.statusReason && `: ${state.facts.statusReason}`}
          </dd>
        </div>
        <div>
          <dt>Kept</dt>
          <dd>
            {plural(kept.length, "finished step")}, {plural(state.messages.length, "message")}
            {state.olderMessages !== null && " and older ones"}, {plural(state.files.length, "file")}
          </dd>
        </div>
        <div>
          <dt>Runs again</dt>
          <dd>
            {from
              ? "the step chosen below and all after it"
              : [
                  ...again.map((step) => `step “${step.name}”, which was not finished`),
                  ...open.map((tool) => `the call of ${tool.tool}, which had no result`),
                ].join("; ") || "nothing that was finished"}
          </dd>
        </div>
        {changed && (
          <div>
            <dt>Changed since</dt>
            <dd>{changed.join("; ") || "nothing"}</dd>
          </div>
        )}
        <div>
          <dt>Spent so far</dt>
          <dd>
            <Money usd={state.cost.usd} unpricedCalls={state.cost.unpricedCalls} calls={state.cost.calls} />
            {typeof most === "number" && ` of ${dollars(most)}`}
          </dd>
        </div>
      </dl>
      <label className={fields.field}>
        <span className={fields.label}>Anything to add?</span>
        <textarea
          className={fields.control}
          rows={2}
          value={words}
          onChange={(event) => setWords(event.currentTarget.value)}
          placeholder="The run gets it before it goes on"
        />
      </label>
      {kept.length > 0 && (
        <FromStep steps={kept} value={from} onChange={setFrom} none="after the last finished step" label="Go on" />
      )}
      {problem && <ErrorState problem={problem} />}
    </Dialog>
  );
}

export function RetryDialog({ state, onClose }: DialogProps) {
  const steps = state.steps.filter((step) => step.runId === state.run?.runId && step.status !== "pending");
  const [from, setFrom] = useState("");
  const { busy, problem, run } = useCommand(onClose);
  return (
    <Dialog
      title="Retry from a step"
      onClose={onClose}
      footer={
        <>
          <Cancel onClose={onClose} />
          <Button
            loading={busy}
            onClick={() => void run(async () => state.run && retryRun(state.run.runId, from || undefined))}
          >
            Retry
          </Button>
        </>
      }
    >
      <p>
        Steps before the one you choose are kept as they are. It, and all after it, run again and are paid for again.
      </p>
      <FromStep steps={steps} value={from} onChange={setFrom} none="the step that failed" label="Begin at" />
      {problem && <ErrorState problem={problem} />}
    </Dialog>
  );
}

function FromStep(props: {
  steps: readonly StepEntry[];
  value: string;
  onChange: (key: string) => void;
  none: string;
  label: string;
}) {
  return (
    <label className={fields.field}>
      <span className={fields.label}>{props.label}</span>
      <select
        className={fields.control}
        value={props.value}
        onChange={(event) => props.onChange(event.currentTarget.value)}
      >
        <option value="">{props.none}</option>
        {props.steps.map((step) => (
          <option key={step.stepId} value={step.key}>
            again from “{step.name || step.key}”
          </option>
        ))}
      </select>
    </label>
  );
}
