import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { asProblem } from "@/api/problem";
import { getCosts } from "@/api/sessions";
import type { CostRow, CostSummary } from "@/api/types";
import { Money } from "@/components/Money";
import { Segmented } from "@/components/Segmented";
import { EmptyState, ErrorState, Loading } from "@/components/States";
import { dollars, integer } from "@/lib/format";
import type { SessionState } from "@/live/session-state";
import { runAtWork, settledCosts } from "@/live/under-way";
import styles from "./Costs.module.css";
import { CostTable } from "./CostTable";
import { csvOf, curveOf, joinedModels, stepPath } from "./series";

type By = "model" | "agent" | "step" | "run" | "day";

/** What it cost and where that went; a call without a known price is never passed off as free. */
export default function CostsTab({ state }: { state: SessionState }) {
  const [by, setBy] = useState<By>("model");
  const query = useQuery({
    queryKey: ["costs", state.sessionId, state.cost.calls],
    queryFn: () => getCosts(state.sessionId),
    placeholderData: keepPreviousData,
  });
  if (!query.data)
    return query.error ? (
      <ErrorState problem={asProblem(query.error)} onRetry={() => void query.refetch()} />
    ) : (
      <Loading label="Loading costs" />
    );
  const atWork = runAtWork(state.run && { id: state.run.runId, status: state.run.status });
  const { costs, underWay } = settledCosts(query.data, atWork);
  if (costs.calls === 0 && underWay === 0)
    return <EmptyState>Each call of a model appears here with its tokens and its price.</EmptyState>;
  const rows = named(rowsOf(costs, by), by, state);
  return (
    <div className={styles.costs}>
      {query.error && <ErrorState problem={asProblem(query.error)} onRetry={() => void query.refetch()} />}
      <dl className={styles.totals}>
        <Total name="Spent">
          {costs.calls > 0 ? (
            <Money usd={costs.total_cost_usd} unpricedCalls={costs.unpriced_calls} calls={costs.calls} />
          ) : (
            "not known yet"
          )}
        </Total>
        {costs.made_again.calls > 0 && (
          <Total name="Of it spent again">
            <Money
              usd={costs.made_again.cost_usd}
              unpricedCalls={costs.made_again.unpriced_calls}
              calls={costs.made_again.calls}
            />
          </Total>
        )}
        <Total name="Model calls">{integer(costs.calls)}</Total>
        <Total name="Tokens in">{integer(costs.input_tokens)}</Total>
        <Total name="Tokens out">{integer(costs.output_tokens)}</Total>
        {costs.cached_tokens > 0 && <Total name="From cache">{integer(costs.cached_tokens)}</Total>}
      </dl>
      {underWay > 0 && (
        <p className={styles.open} role="status">
          {underWay === 1 ? "1 call is" : `${integer(underWay)} calls are`} under way; tokens and price come
          at the end.
        </p>
      )}
      <Again costs={costs} />
      <Limits state={state} costs={costs} />
      <Curve costs={costs} />
      {rows.length > 0 && (
        <>
          <div className={styles.head}>
            <Segmented
              label="Costs by"
              value={by}
              options={[
                ["model", "Model"],
                ["agent", "Agent"],
                ["step", "Step"],
                ["run", "Run"],
                ["day", "Day"],
              ]}
              onChange={setBy}
            />
            <a
              className={styles.link}
              href={`data:text/csv;charset=utf-8,${encodeURIComponent(csvOf(rows))}`}
              download={`costs-by-${by}.csv`}
            >
              Download as CSV
            </a>
          </div>
          <CostTable rows={rows} by={by} />
        </>
      )}
      <Prices costs={costs} />
    </div>
  );
}

/** What a crash, a retry or a way back cost: the calls that had to be made a second time. */
function Again({ costs }: { costs: CostSummary }) {
  const { calls, unpriced_calls: unpriced } = costs.made_again;
  if (calls === 0) return null;
  return (
    <p className={styles.open}>
      {calls === 1 ? "1 call was" : `${integer(calls)} calls were`} made again after a crash, in a retry or when the
      run went back; every other answer was kept and not paid for twice.
      {unpriced > 0 && ` ${unpriced === calls ? "Cut off or refused" : `${integer(unpriced)} of them, cut off or refused`}, told no price.`}
    </p>
  );
}

/** From which lists of prices; the calls of a model that none of them knows have no price. */
function Prices({ costs }: { costs: CostSummary }) {
  if (costs.price_versions.length === 0) return null;
  const used = costs.price_versions.map((each) => each.version);
  const changed = costs.total_cost_usd !== null && costs.total_cost_usd > 0 && !used.includes(costs.price_version);
  return (
    <p className={styles.open}>
      Priced from {used.join(", then ")}
      {changed && `; the next calls from ${costs.price_version}`}.
    </p>
  );
}

function Total({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Limits({ state, costs }: { state: SessionState; costs: CostSummary }) {
  const used: Record<string, number> = {
    max_cost_usd: costs.total_cost_usd ?? 0,
    max_tokens: costs.input_tokens + costs.output_tokens,
  };
  const set = Object.entries(state.facts.limits).filter(
    (entry): entry is [string, number] => entry[0] in used && typeof entry[1] === "number",
  );
  return set.map(([name, allowed]) => {
    const share = (used[name] ?? 0) / allowed;
    const words =
      name === "max_cost_usd"
        ? `${dollars(used[name] ?? 0)} of ${dollars(allowed)}`
        : `${integer(used[name] ?? 0)} of ${integer(allowed)} tokens`;
    return (
      <div key={name} className={styles.limit}>
        <span>
          Limit: {words} used
          {name === "max_cost_usd" && costs.unpriced_calls > 0 && "; calls without a known price do not count"}
        </span>
        <span className={styles.track} data-high={share > 0.8 || undefined}>
          <span style={{ width: `${Math.min(100, share * 100)}%` }} />
        </span>
      </div>
    );
  });
}

const WIDTH = 640;
const HEIGHT = 90;

function Curve({ costs }: { costs: CostSummary }) {
  const points = curveOf(costs);
  if (points.length < 2) return null;
  const priced = (costs.total_cost_usd ?? 0) > 0;
  const path = stepPath(points, (point) => (priced ? point.usd : point.tokens), WIDTH, HEIGHT);
  const end = priced
    ? dollars(costs.total_cost_usd ?? 0)
    : `${integer(costs.input_tokens + costs.output_tokens)} tokens`;
  return (
    <figure className={styles.curve}>
      <svg
        viewBox={`0 -4 ${WIDTH} ${HEIGHT + 6}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${priced ? "Cost" : "Tokens"} over time, up to ${end}`}
      >
        <path d={`${path}V${HEIGHT}Z`} className={styles.area} />
        <path d={path} className={styles.line} vectorEffect="non-scaling-stroke" />
      </svg>
      <figcaption>
        <span>{new Date(points[0]?.at ?? 0).toLocaleTimeString()}</span>
        <span>
          {priced ? "cost" : "tokens"} over time, {end}
        </span>
        <span>{new Date(points.at(-1)?.at ?? 0).toLocaleTimeString()}</span>
      </figcaption>
    </figure>
  );
}

function rowsOf(costs: CostSummary, by: By): readonly CostRow[] {
  return { model: joinedModels(costs.by_model), agent: costs.by_agent, step: costs.by_step, run: costs.by_run, day: costs.by_day }[
    by
  ];
}

/** Names for ids that mean nothing to people. */
function named(rows: readonly CostRow[], by: By, state: SessionState): CostRow[] {
  const steps = new Map(state.steps.map((step) => [step.stepId, step.name || step.key]));
  return rows.map((row, index) => {
    if (by === "step")
      return {
        ...row,
        key: row.label ?? steps.get(row.key) ?? (row.key && row.key !== "None" ? row.key : "outside of steps"),
      };
    if (by === "run")
      return { ...row, key: row.label ?? (row.key === state.run?.runId ? "newest run" : `run ${index + 1}`) };
    return { ...row, key: row.key || "–" };
  });
}
