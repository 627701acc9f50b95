import { Button } from "@mantine/core";
import { createContext, useCallback, useContext, useRef, useState, type ReactNode } from "react";
import { asProblem, type Problem } from "@/api/problem";
import { getSession, listSessions, suspendSession } from "@/api/sessions";
import type { SessionInfo } from "@/api/types";
import { ONE_AT_A_TIME } from "@/lib/settings";
import { readStored } from "@/lib/stored";
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
const STILL = new Set(["running", "queued", "pausing"]);
const LOOK_MS = 400;

export function OneAtATime({ children }: { children: ReactNode }) {
  const [other, setOther] = useState<SessionInfo | null>(null);
  const settle = useRef<(goOn: boolean) => void>(() => undefined);

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
      {other && <Running other={other} onDone={(goOn) => settle.current(goOn)} />}
    </AskContext.Provider>
  );
}

function Running({ other, onDone }: { other: SessionInfo; onDone: (goOn: boolean) => void }) {
  const [choice, setChoice] = useState<Choice>("boundary");
  const [stage, setStage] = useState("");
  const [problem, setProblem] = useState<Problem | null>(null);
  const closed = useRef(false);
  const close = (goOn: boolean) => {
    closed.current = true;
    onDone(goOn);
  };
  const goOn = async () => {
    if (choice === "both") return close(true);
    setProblem(null);
    setStage("Pausing…");
    try {
      await suspendSession(other.session_id, choice);
      for (;;) {
        const now = await getSession(other.session_id);
        if (closed.current) return;
        if (!STILL.has(now.run_status ?? "")) break;
        setStage(now.current_step ? `Pausing… step ${now.current_step} is finishing` : "Pausing…");
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      }
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
      title={`“${other.name}” is running`}
      onClose={() => close(false)}
      footer={
        <>
          <Button variant="default" data-autofocus onClick={() => close(false)}>
            Cancel
          </Button>
          <Button loading={stage !== ""} onClick={() => void goOn()}>
            {choice === "both" ? "Let both run" : "Pause it and go on"}
          </Button>
        </>
      }
    >
      <p>
        {other.current_step ? `It is at step ${other.current_step}. ` : ""}So far:{" "}
        <Money usd={other.cost_usd} unpricedCalls={other.unpriced_calls} />. Nothing of it is lost either way.
      </p>
      <div className={fields.options}>
        {option("boundary", "Pause it at the next safe point", "The step under way finishes first.")}
        {option("now", "Pause it now", "The step under way runs again when you resume it.")}
        {option("both", "Let both run", "Settings can make this the rule.")}
      </div>
      <p role="status">{stage}</p>
      {problem && <ErrorState problem={problem} />}
    </Dialog>
  );
}
