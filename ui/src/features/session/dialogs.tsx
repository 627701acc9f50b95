import { Button } from "@mantine/core";
import { Link, useNavigate } from "@tanstack/react-router";
import { useRef, useState, type ReactNode } from "react";
import { newKey } from "@/api/http";
import { asProblem, type Problem } from "@/api/problem";
import { changeSession, deleteSession, forkSession, resumeSession, retryRun } from "@/api/sessions";
import { Ago } from "@/components/Ago";
import { Dialog } from "@/components/Dialog";
import fields from "@/components/form/form.module.css";
import { Money } from "@/components/Money";
import { ErrorState } from "@/components/States";
import { useOneAtATime } from "@/components/OneAtATime";
import { useDraft } from "@/lib/draft";
import type { SessionState, StepEntry } from "@/live/session-state";
import type { ForkPoint } from "./Header";
import styles from "./Session.module.css";

interface Props {
  readonly state: SessionState;
  readonly onClose: () => void;
}

/** Run a command inside a dialog: busy, refused, or done and closed. */
function useCommand(onDone: () => void) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const run = async (command: () => Promise<unknown>) => {
    setBusy(true);
    setProblem(null);
    try {
      await command();
      onDone();
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(false);
    }
  };
  return { busy, problem, run };
}

function Cancel({ onClose, children = "Cancel" }: { onClose: () => void; children?: ReactNode }) {
  return (
    <Button variant="default" onClick={onClose} data-autofocus>
      {children}
    </Button>
  );
}

/** What is kept and what runs again, before anything moves. */
export function ResumeDialog({ state, onClose, onFork }: Props & { onFork: () => void }) {
  const [words, setWords] = useDraft(`resume.${state.sessionId}`);
  const [from, setFrom] = useState("");
  const { busy, problem, run } = useCommand(onClose);
  const mayRunBeside = useOneAtATime();
  const kept = state.steps.filter((step) => step.status === "completed" && step.runId === state.run?.runId);
  const again = state.steps.filter((step) => (step.status === "running" || step.status === "failed") && step.runId === state.run?.runId);
  const open = state.tools.filter((tool) => tool.status === "running" && tool.runId === state.run?.runId);
  const resume = () =>
    run(async () => {
      const text = words.trim();
      if (!(await mayRunBeside(state.sessionId))) return;
      await resumeSession(state.sessionId, { ...(text ? { additional_context: text } : {}), ...(from ? { from_step: from } : {}) });
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
          <dd>{state.lastEventAt ? <Ago at={state.lastEventAt} /> : "–"}{state.facts.statusReason && `: ${state.facts.statusReason}`}</dd>
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
              : [...again.map((step) => `step “${step.name}”, which was not finished`), ...open.map((tool) => `the call of ${tool.tool}, which had no result`)].join("; ") || "nothing that was finished"}
          </dd>
        </div>
        <div>
          <dt>Spent so far</dt>
          <dd>
            <Money usd={state.cost.usd} unpricedCalls={state.cost.unpricedCalls} calls={state.cost.calls} />
          </dd>
        </div>
      </dl>
      <label className={fields.field}>
        <span className={fields.label}>Anything to add?</span>
        <textarea className={fields.control} rows={2} value={words} onChange={(event) => setWords(event.currentTarget.value)} placeholder="The run gets it before it goes on" />
      </label>
      {kept.length > 0 && <FromStep steps={kept} value={from} onChange={setFrom} none="after the last finished step" label="Go on" />}
      {problem && <ErrorState problem={problem} />}
    </Dialog>
  );
}

export function RetryDialog({ state, onClose }: Props) {
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
          <Button loading={busy} onClick={() => void run(async () => state.run && retryRun(state.run.runId, from || undefined))}>
            Retry
          </Button>
        </>
      }
    >
      <p>Steps before the one you choose are kept as they are. It, and all after it, run again and are paid for again.</p>
      <FromStep steps={steps} value={from} onChange={setFrom} none="the step that failed" label="Begin at" />
      {problem && <ErrorState problem={problem} />}
    </Dialog>
  );
}

function FromStep(props: { steps: readonly StepEntry[]; value: string; onChange: (key: string) => void; none: string; label: string }) {
  return (
    <label className={fields.field}>
      <span className={fields.label}>{props.label}</span>
      <select className={fields.control} value={props.value} onChange={(event) => props.onChange(event.currentTarget.value)}>
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

export function ForkDialog({ state, point, onClose }: Props & { point: ForkPoint }) {
  const [name, setName] = useState(`${state.facts.name} (fork)`.slice(0, 200));
  const [input, setInput] = useState("");
  const navigate = useNavigate();
  const { busy, problem, run } = useCommand(onClose);
  const key = useRef(newKey());
  const fork = () =>
    run(async () => {
      const text = input.trim();
      const body = {
        ...(point.seq === undefined ? {} : { from_seq: point.seq }),
        ...(point.step === undefined ? {} : { from_step: point.step }),
        ...(name.trim() ? { name: name.trim() } : {}),
        ...(text ? { input: text } : {}),
      };
      const id = await forkSession(state.sessionId, body, `${key.current}-${JSON.stringify(body).length}`);
      await navigate({ to: "/sessions/$id", params: { id } });
    });
  return (
    <Dialog
      title={`Fork ${point.words}`}
      onClose={onClose}
      footer={
        <>
          <Cancel onClose={onClose} />
          <Button loading={busy} onClick={() => void fork()}>
            Fork
          </Button>
        </>
      }
    >
      <p>A new session with everything up to there: conversation, finished steps, files. This one stays as it is, and the new one’s costs start at zero.</p>
      <label className={fields.field}>
        <span className={fields.label}>Name</span>
        <input className={fields.control} value={name} maxLength={200} onChange={(event) => setName(event.currentTarget.value)} />
      </label>
      <label className={fields.field}>
        <span className={fields.label}>What should be different?</span>
        <textarea className={fields.control} rows={2} value={input} onChange={(event) => setInput(event.currentTarget.value)} placeholder="Takes the place of the task; can stay empty" />
      </label>
      {problem && <ErrorState problem={problem} />}
    </Dialog>
  );
}

export function RenameDialog({ state, onClose }: Props) {
  const [name, setName] = useState(state.facts.name);
  const [version, setVersion] = useState(state.facts.version);
  const { busy, problem, run } = useCommand(onClose);
  const stale = problem?.code === "stale-version";
  const rename = (of: number) => run(() => changeSession(state.sessionId, { name: name.trim() }, of));
  return (
    <Dialog
      title="Rename"
      onClose={onClose}
      footer={
        <>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button
            loading={busy}
            disabled={!name.trim()}
            onClick={() => {
              const now = stale ? state.facts.version : version;
              setVersion(now);
              void rename(now);
            }}
          >
            {stale ? "Use my name" : "Rename"}
          </Button>
        </>
      }
    >
      <label className={fields.field}>
        <span className={fields.label}>Name</span>
        <input
          className={fields.control}
          value={name}
          maxLength={200}
          data-autofocus
          onFocus={(event) => event.currentTarget.select()}
          onChange={(event) => setName(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && name.trim()) void rename(version);
          }}
        />
      </label>
      {stale ? (
        <p role="alert" className={fields.error}>
          Changed in another place meanwhile; the name there is “{state.facts.name}”. What you typed is kept.
        </p>
      ) : (
        problem && <ErrorState problem={problem} />
      )}
    </Dialog>
  );
}

export function DeleteDialog({ state, onClose }: Props) {
  const navigate = useNavigate();
  const { busy, problem, run } = useCommand(onClose);
  return (
    <Dialog
      title={`Delete “${state.facts.name}”?`}
      onClose={onClose}
      footer={
        <>
          <Cancel onClose={onClose}>Keep it</Cancel>
          <Button
            color="red"
            loading={busy}
            onClick={() =>
              void run(async () => {
                await deleteSession(state.sessionId);
                await navigate({ to: "/sessions" });
              })
            }
          >
            Delete
          </Button>
        </>
      }
    >
      <p>
        It goes to the trash with its conversation, {plural(state.steps.length, "step")} and {plural(state.files.length, "file")}; a run under way is cancelled. It can be restored from the{" "}
        <Link to="/sessions" search={{ status: "deleted" }}>
          trash
        </Link>{" "}
        for 90 days.
      </p>
      {problem && <ErrorState problem={problem} />}
    </Dialog>
  );
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
