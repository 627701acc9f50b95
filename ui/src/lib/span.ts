/** A stretch of a log, both ends included, as addresses name it: "120-340". */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export function readSpan(text: string | undefined): Span | null {
  const [, from, to] = /^(\d{1,15})-(\d{1,15})$/.exec(text ?? "") ?? [];
  const span = { from: Number(from), to: Number(to) };
  return from !== undefined && to !== undefined && span.from > 0 && span.from <= span.to ? span : null;
}

export function writeSpan({ from, to }: Span): string {
  return `${from}-${to}`;
}

export function isIn(span: Span | null, seq: number): boolean {
  return span === null || (seq >= span.from && seq <= span.to);
}
