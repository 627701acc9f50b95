import { useRef, type KeyboardEvent, type PointerEvent, type ReactNode } from "react";
import { useStored } from "@/lib/stored";
import styles from "./Split.module.css";

const STEP = 2;
const LEAST = 30;
const MOST = 75;

interface Props {
  /** Under which name this browser remembers where the line was. */
  readonly name: string;
  /** What moving the line makes wider or narrower. */
  readonly label: string;
  /** Share of the left part, in percent, before anybody moved the line. */
  readonly initial: number;
  readonly left: ReactNode;
  readonly right: ReactNode;
}

/** Two parts side by side with a line between them that is moved by pointer or keys; twice clicked, it goes back. */
export function Split({ name, label, initial, left, right }: Props) {
  const [stored, setShare] = useStored(`split.${name}`, initial);
  const share = clamp(typeof stored === "number" ? stored : initial);
  const box = useRef<HTMLDivElement>(null);
  const move = (event: PointerEvent<HTMLDivElement>) => {
    const frame = box.current?.getBoundingClientRect();
    if (!frame || !event.currentTarget.hasPointerCapture(event.pointerId)) return;
    setShare(clamp(((event.clientX - frame.left) / frame.width) * 100));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const next = { ArrowLeft: share - STEP, ArrowRight: share + STEP, Home: LEAST, End: MOST, Enter: initial }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    setShare(clamp(next));
  };
  return (
    <div ref={box} className={styles.split} style={{ gridTemplateColumns: `minmax(0, ${share}fr) 14px minmax(0, ${100 - share}fr)` }}>
      {left}
      <div
        role="separator"
        aria-label={label}
        aria-orientation="vertical"
        aria-valuenow={Math.round(share)}
        aria-valuemin={LEAST}
        aria-valuemax={MOST}
        tabIndex={0}
        title="Drag, or use the arrow keys; double-click to go back"
        className={styles.line}
        onPointerDown={(event) => {
          event.preventDefault(); // no text is selected on the way
          event.currentTarget.focus();
          event.currentTarget.setPointerCapture(event.pointerId);
        }}
        onPointerMove={move}
        onDoubleClick={() => setShare(initial)}
        onKeyDown={onKeyDown}
      />
      {right}
    </div>
  );
}

function clamp(share: number): number {
  return Math.min(MOST, Math.max(LEAST, Math.round(share * 10) / 10));
}
