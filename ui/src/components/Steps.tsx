import { integer } from "@/lib/format";
import { WORKED, type Shown } from "@/lib/status";
import styles from "./Steps.module.css";

interface Props {
  readonly status: Shown;
  /** The step that it is at, counted from 1; null when no step has a number. */
  readonly at: number | null;
  readonly steps: number | null;
  readonly done: number | null;
}

/** How far a plan is, in numbers and as a bar; a plan that is over only says how long it was. */
export function Steps({ status, at, steps, done }: Props) {
  if (!steps) return at !== null && !WORKED.has(status) ? <span>step {integer(at)}</span> : null;
  const finished = Math.min(done ?? 0, steps);
  if (WORKED.has(status)) return <span>{steps === 1 ? "1 step" : `${integer(steps)} steps`}</span>;
  const number = Math.max(finished, Math.min(at ?? 0, steps));
  if (number === 0) return <span>{steps === 1 ? "1 step" : `${integer(steps)} steps`}</span>;
  return (
    <span className={styles.steps} title={`${integer(finished)} of ${integer(steps)} steps are finished`}>
      step {integer(number)}/{integer(steps)}
      <span className={styles.bar} aria-hidden="true">
        <span style={{ width: `${(100 * finished) / steps}%` }} />
      </span>
    </span>
  );
}
