/** Colours of terminal output as spans. Every other escape sequence is dropped: what agents print is not trusted. */

export interface Span {
  readonly text: string;
  readonly color: string | null;
  readonly bold: boolean;
}

// eslint-disable-next-line no-control-regex
const ESCAPE =
  /\u001b(?:\[([0-9;:?]*)[ -/]*([@-~])|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[P^_X][^\u001b]*(?:\u001b\\)?|[ -/]*[0-~])/g;
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;
const COLORS = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"] as const;

export function spans(line: string): Span[] {
  const result: Span[] = [];
  let color: string | null = null;
  let bold = false;
  let from = 0;
  const push = (part: string) => {
    const text = part.replace(CONTROL, "");
    if (text) result.push({ text, color, bold });
  };
  for (const match of line.matchAll(ESCAPE)) {
    push(line.slice(from, match.index));
    from = match.index + match[0].length;
    if (match[2] !== "m") continue;
    for (const code of (match[1] || "0").split(";").map(Number)) {
      if (code === 0) [color, bold] = [null, false];
      else if (code === 1) bold = true;
      else if (code === 22) bold = false;
      else if (code === 39) color = null;
      else if (code >= 30 && code <= 37) color = COLORS[code - 30] ?? null;
      else if (code >= 90 && code <= 97) color = COLORS[code - 90] ?? null;
      else if (code === 38 || code === 48) break; // 256 and true colours: shown plain
    }
  }
  push(line.slice(from));
  return result;
}

/** A line without its colours. */
export function plain(line: string): string {
  return spans(line)
    .map((span) => span.text)
    .join("");
}
