/** What differs between two texts, line by line (Myers' way: as few changes as there can be). Pure. */

export interface DiffLine {
  readonly kind: "same" | "added" | "removed";
  readonly text: string;
  /** Numbers of the line in the one text and in the other; null where it is not there. */
  readonly left: number | null;
  readonly right: number | null;
}

/** More differences than these are not worked out: the texts have little to do with each other. */
export const MOST_CHANGES = 2_000;

/** Return null when they differ in more places than are worked out. */
export function diffOf(left: string, right: string): DiffLine[] | null {
  const [a, b] = [left.split("\n"), right.split("\n")];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end)) end += 1;
  const moves = shortest(a.slice(start, a.length - end), b.slice(start, b.length - end));
  if (moves === null) return null;
  const lines: DiffLine[] = [];
  let [x, y] = [0, 0];
  const take = (kind: DiffLine["kind"]) => {
    const text = (kind === "added" ? b[y] : a[x]) ?? "";
    lines.push({ kind, text, left: kind === "added" ? null : x + 1, right: kind === "removed" ? null : y + 1 });
    if (kind !== "added") x += 1;
    if (kind !== "removed") y += 1;
  };
  for (let index = 0; index < start; index += 1) take("same");
  for (const kind of moves) take(kind);
  for (let index = 0; index < end; index += 1) take("same");
  return lines;
}

/** How far each diagonal reached before a number of changes; diagonals are counted from `-reach` on. */
interface Reach {
  readonly far: Int32Array;
  readonly reach: number;
}

function farOn({ far, reach }: Reach, diagonal: number): number {
  return far[diagonal + reach] ?? -1;
}

/** Whether the way comes from above, by a line that was added, rather than from the left. */
function comesDown(before: Reach, diagonal: number, changes: number): boolean {
  if (diagonal === -changes) return true;
  return diagonal !== changes && farOn(before, diagonal - 1) < farOn(before, diagonal + 1);
}

function shortest(a: readonly string[], b: readonly string[]): DiffLine["kind"][] | null {
  const trace: Reach[] = [];
  const most = Math.min(a.length + b.length, MOST_CHANGES);
  let before: Reach = { far: new Int32Array([-1, -1, 0]), reach: 1 }; // on diagonal 1, as if a line had been added there
  for (let changes = 0; changes <= most; changes += 1) {
    trace.push(before);
    const next: Reach = { far: new Int32Array(2 * changes + 3).fill(-1), reach: changes + 1 };
    for (let diagonal = -changes; diagonal <= changes; diagonal += 2) {
      const down = comesDown(before, diagonal, changes);
      let x = down ? farOn(before, diagonal + 1) : farOn(before, diagonal - 1) + 1;
      while (x < a.length && x - diagonal < b.length && a[x] === b[x - diagonal]) x += 1;
      next.far[diagonal + next.reach] = x;
      if (x >= a.length && x - diagonal >= b.length) return walked(trace, a.length, b.length);
    }
    before = next;
  }
  return null;
}

/** The way back from the end, told from the beginning. */
function walked(trace: readonly Reach[], width: number, height: number): DiffLine["kind"][] {
  const moves: DiffLine["kind"][] = [];
  let [x, y] = [width, height];
  for (let changes = trace.length - 1; changes >= 0; changes -= 1) {
    const before = trace[changes];
    if (!before) continue;
    const down = comesDown(before, x - y, changes);
    const from = x - y + (down ? 1 : -1);
    const [beforeX, beforeY] = changes === 0 ? [0, 0] : [farOn(before, from), farOn(before, from) - from];
    while (x > beforeX && y > beforeY) {
      moves.push("same");
      x -= 1;
      y -= 1;
    }
    if (changes > 0) moves.push(down ? "added" : "removed");
    [x, y] = [beforeX, beforeY];
  }
  return moves.reverse();
}

export interface Hunk {
  readonly lines: readonly DiffLine[];
  /** Lines in front of it that are the same and not shown. */
  readonly skipped: number;
}

const AROUND = 3;

/** The places that differ with a few lines around each, and how much the same was left out between them. */
export function hunksOf(lines: readonly DiffLine[]): { readonly hunks: readonly Hunk[]; readonly after: number } {
  const near = lines.map((_, index) =>
    lines.slice(Math.max(0, index - AROUND), index + AROUND + 1).some((line) => line.kind !== "same"),
  );
  const hunks: { lines: DiffLine[]; skipped: number }[] = [];
  let skipped = 0;
  lines.forEach((line, index) => {
    if (!near[index]) {
      skipped += 1;
      return;
    }
    if (skipped > 0 || hunks.length === 0) hunks.push({ lines: [], skipped });
    skipped = 0;
    hunks.at(-1)?.lines.push(line);
  });
  return { hunks, after: skipped };
}
