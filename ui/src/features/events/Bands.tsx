import { clock, duration } from "@/lib/time";
import styles from "./Events.module.css";
import type { Timeline } from "./timeline";

/** Behind the bars: folded stretches, pauses and outages of the server, and where runs began and ended. */
export function Bands({ line }: { line: Timeline }) {
  const percent = (time: number) => `${(line.at(time) * 100).toFixed(2)}%`;
  const room = (from: number, to: number) => ({
    left: percent(from),
    width: `max(3px, calc(${percent(to)} - ${percent(from)}))`,
  });
  return (
    <>
      {line.folds.map((fold) => (
        <span
          key={fold.from}
          className={styles.fold}
          style={room(fold.from, fold.to)}
          title={`Nothing happened for ${duration(fold.to - fold.from)}`}
        />
      ))}
      {line.pauses.map((pause) => (
        <span
          key={pause.seq}
          className={styles.paused}
          style={room(pause.from, pause.to)}
          title={`Paused for ${duration(pause.to - pause.from)}`}
        />
      ))}
      {line.outages.map((outage) => (
        <span
          key={outage.seq}
          className={styles.outage}
          style={room(outage.from, outage.to)}
          title={`The server was away for ${duration(outage.to - outage.from)}; the run went on at event ${outage.seq}`}
        />
      ))}
      {line.marks.map((mark) => (
        <span
          key={mark.seq}
          className={styles.mark}
          style={{ left: percent(mark.at) }}
          title={`${clock(mark.at > 0 ? new Date(mark.at).toISOString() : "")} ${mark.label}`}
        />
      ))}
    </>
  );
}
