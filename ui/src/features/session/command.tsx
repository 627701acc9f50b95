import { Button } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { asProblem, type Problem } from "@/api/problem";
import type { SessionState } from "@/live/session-state";

export interface DialogProps {
  readonly state: SessionState;
  readonly onClose: () => void;
}

/** Run a command inside a dialog: busy, refused, or done and closed. */
export function useCommand(onDone: () => void) {
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

export function Cancel({ onClose, children = "Cancel" }: { onClose: () => void; children?: ReactNode }) {
  return (
    <Button variant="default" onClick={onClose} data-autofocus>
      {children}
    </Button>
  );
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
