import { Money } from "@/components/Money";
import { dollars, integer } from "@/lib/format";
import { useNow } from "@/lib/now";
import type { Shown } from "@/lib/status";
import { timesInWords, timesOf } from "@/live/clock";
import type { SessionState } from "@/live/session-state";

/** What is known of the cost; before the first call has ended that is nothing, and not zero. */
export function Spent({ state, status }: { state: SessionState; status: Shown }) {
  const most = state.facts.limits["max_cost_usd"];
  const { usd, unpricedCalls, calls } = state.cost;
  const limit = typeof most === "number" && <> · limit {dollars(most)}</>;
  if (calls === 0) {
    const words = AT_WORK.has(status) ? "cost not known yet" : "nothing spent";
    return (
      <span>
        {words}
        {limit}
      </span>
    );
  }
  return (
    <span>
      {calls === unpricedCalls ? (
        <span title={`${integer(calls)} model ${calls === 1 ? "call" : "calls"} without a known price`}>
          cost unknown (unpriced model)
        </span>
      ) : (
        <Money usd={usd} unpricedCalls={unpricedCalls} calls={calls} />
      )}
      {limit}
    </span>
  );
}

const AT_WORK: ReadonlySet<Shown> = new Set<Shown>(["running", "pausing", "stopping"]);
/** Where a run was last says nothing any more when it is over; how long it took does. */
const OVER: ReadonlySet<Shown> = new Set<Shown>(["ready", "done", "archived", "deleted"]);

/** How far the run is and how long it has worked; nothing that would only be true while the page hears of it. */
export function Progress({ state, status, heard }: { state: SessionState; status: Shown; heard: boolean }) {
  const now = useNow();
  const { phase, stepNumber } = state.facts;
  const over = OVER.has(status);
  const times = state.run && timesOf(state.run, now);
  const clock = times && (over || heard || state.run?.activeSince === null) && (
    <span className="num">{timesInWords(times, over)}</span>
  );
  if (over) return state.run?.endedAt ? clock : null;
  const running = state.steps.findLast((step) => step.status === "running");
  return (
    <>
      {phase && (
        <span>
          {phase}
          {stepNumber !== null && `, step ${stepNumber}`}
          {state.plan.length > 0 && stepNumber !== null && ` of ${state.plan.length}`}
          {running && ` “${running.name}”`}
        </span>
      )}
      {clock}
    </>
  );
}
