import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { getReadiness } from "@/api/server";
import { Icon } from "@/components/Icon";
import styles from "./Shell.module.css";

const STILL = new Set(["preparing", "loading"]);
const BROKEN = new Set(["failed", "absent", "closed"]);
const ASK_MS = 2_000;

/** One line while the model cannot answer yet; runs started meanwhile wait for it. */
export function ModelNote() {
  const ready = useQuery({
    queryKey: ["ready"],
    queryFn: getReadiness,
    retry: false,
    refetchInterval: (query) => (STILL.has(query.state.data?.model?.status ?? "") ? ASK_MS : false),
  });
  const model = ready.data?.model;
  const status = model?.status ?? "";
  const label = model?.label ?? "model";
  if (BROKEN.has(status)) {
    return (
      <Note kind="bad">
        The {label} cannot be used: {model?.reason ?? `it is ${status}`}
      </Note>
    );
  }
  if (!STILL.has(status)) return null;
  const share = typeof model?.progress === "number" ? ` (${Math.round(model.progress * 100)} %)` : "";
  return (
    <Note>
      The {label} is {status}
      {share}. What you start now waits for it.
    </Note>
  );
}

function Note({ kind, children }: { kind?: "bad"; children: ReactNode }) {
  return (
    <div className={styles.model} role="status" data-kind={kind}>
      <Icon name={kind === "bad" ? "cross" : "retry"} spin={kind !== "bad"} />
      <span>{children}</span>
    </div>
  );
}
