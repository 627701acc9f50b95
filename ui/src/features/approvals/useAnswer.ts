import { useRef, useState } from "react";
import { answerApproval, type Answer } from "@/api/approvals";
import { newKey } from "@/api/http";
import { asProblem, fieldErrors, type Problem } from "@/api/problem";

export interface Answering {
  readonly busy: string | null;
  readonly problem: Problem | null;
  /** What the server said of single fields. */
  readonly errors: Readonly<Record<string, string>>;
  /** Somebody, or the deadline, was first. */
  readonly answered: boolean;
  readonly send: (answer: Answer) => Promise<boolean>;
  readonly clear: () => void;
}

/** Send an answer once, however often it is pressed; what was refused can be changed and sent again. */
export function useAnswer(approvalId: string): Answering {
  const [busy, setBusy] = useState<string | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const last = useRef({ answer: "", key: "" });

  const send = async (answer: Answer): Promise<boolean> => {
    const text = JSON.stringify(answer);
    if (last.current.answer !== text) last.current = { answer: text, key: newKey() };
    setBusy(answer.resolution);
    setProblem(null);
    try {
      await answerApproval(approvalId, answer, last.current.key);
      return true;
    } catch (error) {
      setProblem(asProblem(error));
      return false;
    } finally {
      setBusy(null);
    }
  };
  const answered = problem?.code === "already-answered";
  return { busy, problem, errors: fieldErrors(problem), answered, send, clear: () => setProblem(null) };
}
