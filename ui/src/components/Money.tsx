import { dollars, integer } from "@/lib/format";

interface Props {
  /** Sum of the calls with a known price. */
  readonly usd: number | null | undefined;
  readonly unpricedCalls: number;
  readonly calls?: number;
}

/** A cost that never passes the unknown off as zero. */
export function Money({ usd, unpricedCalls, calls }: Props) {
  const known = usd ?? 0;
  if (unpricedCalls === 0) return <span>{dollars(known)}</span>;
  const why = `${integer(unpricedCalls)} model ${unpricedCalls === 1 ? "call has" : "calls have"} no known price`;
  const nothingKnown = known === 0 && (calls === undefined || calls === unpricedCalls);
  return <span title={why}>{nothingKnown ? "cost unknown" : `${dollars(known)} + unknown`}</span>;
}
