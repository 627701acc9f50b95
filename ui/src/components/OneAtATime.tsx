import { Button } from "@mantine/core";
import { createContext, useCallback, useContext, useEffect, useRef, useState, type ReactNode } from "react";
import { asProblem, type Problem } from "@/api/problem";
import { getSession, listSessions, suspendSession } from "@/api/sessions";
import type { SessionInfo } from "@/api/types";
import { ONE_AT_A_TIME } from "@/lib/settings";
import { readStored } from "@/lib/stored";
import { recallSwitch, rememberSwitch } from "@/lib/switching";
import { useStream } from "@/live/react";
import { isAtWork, untilAtRest } from "@/live/rest";
import { Dialog } from "./Dialog";
import fields from "./form/form.module.css";
import { Money } from "./Money";
import { ErrorState } from "./States";

type Ask = (sessionId?: string) => Promise<boolean>;
type Choice = "boundary" | "now" | "both";

const AskContext = createContext<Ask>(() => Promise.resolve(true));

/** Ask before a second session runs beside another; resolves to false when the person turns back. */
export function useOneAtATime(): Ask {
  return useContext(AskContext);
}

const LIVE = new Set(["running", "queued"]);
const PAUSING = "Pausing…";

export function OneAtATime({ children }: { children: ReactNode }) {
  const [other, setOther] = useState<SessionInfo | null>(null);
  /** The page was loaded again while it was being paused. */
  const [returned, setReturned] = useState(false);
  const settle = useRef<(goOn: boolean) => void>(() => undefined);
  useEffect(() => {
    const id = recallSwitch();
    if (id === null) return;
    const back = (goOn: boolean) => {
      setOther(null);
      setReturned(false);
      // what was to start is on the page as a draft: it is started where it stands
      if (goOn)
        requestAnimationFrame(() => document.querySelector<HTMLElement>("main form button[type=submit]")?.focus());
    };
    getSession(id)
      .then((session) => {
        if (!isAtWork(session)) return rememberSwitch(null);
        settle.current = back;
        setReturned(true);
        setOther(session);
      })
      .catch(() => rememberSwitch(null));
  }, []);

  const ask = useCallback<Ask>(async (sessionId) => {
    if (readStored<boolean>(ONE_AT_A_TIME) === false) return true;
    const { sessions } = await listSessions({ status: ["active"], limit: 50 });
    const running = sessions.find((each) => each.session_id !== sessionId && LIVE.has(each.run_status ?? ""));
    if (!running) return true;
    setOther(running);
    return new Promise((resolve) => {
      settle.current = (goOn) => {
        setOther(null);
        resolve(goOn);
      };
    });
  }, []);

  return (
    <AskContext.Provider value={ask}>
      {children}
      {other && <Running other={other} returned={returned} onDone={(goOn) => settle.current(goOn)} />}
    </AskContext.Provider>
  );
}

interface RunningProps {
  readonly other: SessionInfo;
  readonly returned: boolean;
  readonly onDone: (goOn: boolean) => void;
}

function Running({ other, returned, onDone }: RunningProps) {
  const [choice, setChoice] = useState<Choice>("boundary");
  const [stage, setStage] = useState(returned ? PAUSING : "");
  const [rests, setRests] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const stream = useStream();
  const waiting = useRef<AbortController>(undefined);
  const closed = useRef(false);
  const close = (goOn: boolean) => {
    closed.current = true;
    waiting.current?.abort();
    rememberSwitch(null);
    onDone(goOn);
  };
  /** False: nobody waits for it any more. */
  const wait = async () => {
    if (closed.current) return false;
    const { signal } = (waiting.current = new AbortController());
    await untilAtRest({
      stream,
      sessionId: other.session_id,
      ask: () => getSession(other.session_id),
      onNow: ({ current_step: step }) => setStage(step ? `${PAUSING} step ${step} is finishing` : PAUSING),
      signal,
    });
    return !signal.aborted;
  };
  useEffect(() => {
    if (!returned) return;
    wait().then(
      (rests) => {
        if (!rests) return;
        setStage("");
        setRests(true);
      },
      (error: unknown) => {
        setProblem(asProblem(error));
        setStage("");
      },
    );
    return () => waiting.current?.abort();
  }, [returned]);
  const goOn = async () => {
    if (choice === "both") return close(true);
    setProblem(null);
    setStage(PAUSING);
    try {
      rememberSwitch(other.session_id);
      await suspendSession(other.session_id, choice);
      if (!(await wait())) return;
      setStage("Paused, starting");
      close(true);
    } catch (error) {
      setProblem(asProblem(error));
      setStage("");
    }
  };
  const option = (value: Choice, words: string, about: string) => (
    <label className={fields.option}>
      <input
        type="radio"
        name="other-session"
        checked={choice === value}
        disabled={stage !== ""}
        onChange={() => setChoice(value)}
      />
      <span>
        {words}
        <br />
        <span className={fields.about}>{about}</span>
      </span>
    </label>
  );
  return (
    <Dialog
      title={rests ? `“${other.name}” is paused` : returned ? `“${other.name}” is being paused` : `“${other.name}” is running`}
      onClose={() => close(false)}
      footer={
        <>
          <Button variant="default" data-autofocus onClick={() => close(false)}>
            Cancel
          </Button>
          <Button loading={stage !== ""} onClick={() => (returned ? close(true) : void goOn())}>
            {returned ? "Go on" : choice === "both" ? "Let both run" : "Pause it and go on"}
          </Button>
        </>
      }
    >
      <p>
        {other.current_step ? `It is at step ${other.current_step}. ` : ""}So far:{" "}
        <Money usd={other.cost_usd} unpricedCalls={other.unpriced_calls} />. Nothing of it is lost either way.
      </p>
      {!returned && (
        <div className={fields.options}>
          {option("boundary", "Pause it at the next safe point", "The step under way finishes first.")}
          {option("now", "Pause it now", "The step under way runs again when you resume it.")}
          {option("both", "Let both run", "Settings can make this the rule.")}
        </div>
      )}
      <p role="status">{rests ? "Nothing else runs now. What you were about to start is on the page." : stage}</p>
      {problem && <ErrorState problem={problem} />}
    </Dialog>
  );
}
