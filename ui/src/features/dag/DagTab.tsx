import { useMediaQuery } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { asProblem } from "@/api/problem";
import { getCosts } from "@/api/sessions";
import { Segmented } from "@/components/Segmented";
import { EmptyState, ErrorState } from "@/components/States";
import { useStored } from "@/lib/stored";
import type { SessionState } from "@/live/session-state";
import styles from "./Dag.module.css";
import { DagGraph } from "./DagGraph";
import { DagList } from "./DagList";
import { folded } from "./fold";
import { heatOf, type Measure } from "./heat";
import { NodePanel } from "./NodePanel";

interface Props {
  readonly state: SessionState;
  readonly heard: boolean;
  readonly selected: string | undefined;
  readonly onSelect: (node: string | undefined) => void;
  readonly onFork: (step: string, name: string) => void;
  readonly onJump: (seq: number) => void;
  /** Show the line of an event in the console. */
  readonly onLine: (seq: number) => void;
}

export default function DagTab({ state, heard, selected, onSelect, onFork, onJump, onLine }: Props) {
  const narrow = useMediaQuery("(max-width: 700px)", false, { getInitialValueInEffect: false });
  const [chosen, setChosen] = useState<"graph" | "list" | null>(null);
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const drawn = useMemo(() => folded(state.dag, opened), [state.dag, opened]);
  const [measure, setMeasure] = useStored<Measure>("dag-heat", "time");
  const costs = useQuery({
    queryKey: ["costs", state.sessionId, state.cost.calls],
    queryFn: () => getCosts(state.sessionId),
    enabled: measure !== "time",
    placeholderData: keepPreviousData,
  });
  const heat = useMemo(
    () => heatOf(state.dag.nodes, state.steps, costs.data?.by_step ?? [], measure),
    [state.dag.nodes, state.steps, costs.data, measure],
  );
  if (state.dag.nodes.length === 0)
    return <EmptyState>The picture of the work appears here when it begins.</EmptyState>;
  const view = chosen ?? (narrow ? "list" : "graph");
  const node = state.dag.nodes.find((each) => each.id === selected);
  const press = (id: string) => {
    if (id.startsWith("folded-")) setOpened(new Set([...opened, id]));
    else onSelect(id === selected ? undefined : id);
  };
  const count = state.dag.nodes.length;
  const unread = measure !== "time" && costs.data === undefined;
  return (
    <div className={styles.tab} data-panel={node ? "" : undefined}>
      <div className={styles.bar}>
        <Segmented
          label="View"
          value={view}
          options={[
            ["graph", "Graph"],
            ["list", "List"],
          ]}
          onChange={setChosen}
        />
        <Segmented
          label="Bars show"
          value={measure}
          options={[
            ["time", "Time"],
            ["cost", "Cost"],
            ["tokens", "Tokens"],
          ]}
          onChange={setMeasure}
        />
        <span className={styles.count}>
          {count} {count === 1 ? "node" : "nodes"}
          {heat.size === 0 && !unread && `, no ${measure === "cost" ? "known cost" : measure} yet`}
        </span>
        {opened.size > 0 && (
          <button type="button" className={styles.link} onClick={() => setOpened(new Set())}>
            Fold finished stretches
          </button>
        )}
      </div>
      {unread && costs.error && (
        <ErrorState problem={asProblem(costs.error)} onRetry={() => void costs.refetch()} />
      )}
      <div className={styles.body}>
        {view === "graph" ? (
          <DagGraph
            drawn={drawn.nodes}
            edges={drawn.edges}
            heat={heat}
            selected={selected}
            heard={heard}
            onPress={press}
          />
        ) : (
          <DagList nodes={state.dag.nodes} heat={heat} selected={selected} heard={heard} onPress={press} />
        )}
        {node && (
          <NodePanel
            node={node}
            state={state}
            onClose={() => onSelect(undefined)}
            onFork={onFork}
            onJump={onJump}
            onLine={onLine}
          />
        )}
      </div>
    </div>
  );
}
