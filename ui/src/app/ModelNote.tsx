import { useQuery } from "@tanstack/react-query";
import { getReadiness } from "@/api/server";
import { Icon } from "@/components/Icon";
import styles from "./Shell.module.css";

const READY = new Set(["ready", "loaded", "ok", "remote", "not-needed", "configured"]);
const BROKEN = new Set(["failed", "missing", "unavailable", "error"]);
const ASK_MS = 2_000;

/** One line while the model cannot answer yet; runs started meanwhile wait for it. */
export function ModelNote() {
  const ready = useQuery({
    queryKey: ["ready"],
    queryFn: getReadiness,
    retry: false,
    refetchInterval: (query) => (isReady(query.state.data?.model?.state) ? false : ASK_MS),
  });
  const model = ready.data?.model;
  if (!model?.state || isReady(model.state)) return null;
  const broken = BROKEN.has(model.state);
  const what = model.message ?? model.detail;
  return (
    <div className={styles.model} role="status" data-kind={broken ? "bad" : undefined}>
      <Icon name={broken ? "cross" : "retry"} spin={!broken} />
      <span>
        {broken ? "The model cannot be used" : `The ${model.is_starter === false ? "" : "starter "}model is ${model.state}`}
        {what ? `: ${what}` : broken ? "." : ". What you start now waits for it."}
      </span>
    </div>
  );
}

function isReady(state: string | undefined): boolean {
  return state !== undefined && READY.has(state);
}
