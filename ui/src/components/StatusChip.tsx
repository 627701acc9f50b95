import { WORD, type Shown } from "@/lib/status";
import { Icon, type IconName } from "./Icon";
import styles from "./StatusChip.module.css";

const ICON: Readonly<Record<Shown, IconName>> = {
  "needs-you": "hand",
  running: "play",
  pausing: "pause",
  stopping: "cross",
  ready: "ring",
  paused: "pause",
  done: "check",
  failed: "cross",
  expired: "clock",
  archived: "box",
  deleted: "bin",
};

/** A status by shape, word and colour together. */
export function StatusChip({ status }: { status: Shown }) {
  return (
    <span className={styles.chip} data-status={status}>
      <Icon name={ICON[status]} size={13} />
      {WORD[status]}
    </span>
  );
}
