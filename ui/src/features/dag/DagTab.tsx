import { useMediaQuery } from "@mantine/hooks";
import { useMemo, useState } from "react";
import { Segmented } from "@/components/Segmented";
import { EmptyState } from "@/components/States";
import type { SessionState } from "@/live/session-state";
import styles from "./Dag.module.css";
import { DagGraph } from "./DagGraph";
import { DagList } from "./DagList";
import { folded } from "./fold";
import { NodePanel } from "./NodePanel";

interface Props {
  readonly state: SessionState;
  readonly heard: boolean;
  readonly selected: string | undefined;
  readonly onSelect: (node: string | undefined) => void;
  readonly onFork: (step: string, name: string) => void;
  readonly onJump: (seq: number) => void;
}

export default function DagTab({ state, heard, selected, onSelect, onFork, onJump }: Props) {
  const narrow = useMediaQuery("(max-width: 700px)", false, { getInitialValueInEffect: false });
  const [chosen, setChosen] = useState<"graph" | "list" | null>(null);
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const drawn = useMemo(() => folded(state.dag, opened), [state.dag, opened]);
  if (state.dag.nodes.length === 0)
    return <EmptyState>The picture of the work appears here when it begins.</EmptyState>;
  const view = chosen ?? (narrow ? "list" : "graph");
  const node = state.dag.nodes.find((each) => each.id === selected);
  const press = (id: string) => {
    if (id.startsWith("folded-")) setOpened(new Set([...opened, id]));
    else onSelect(id === selected ? undefined : id);
  };
  const count = state.dag.nodes.length;
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
        <span className={styles.count}>
          {count} {count === 1 ? "node" : "nodes"}
        </span>
        {opened.size > 0 && (
          <button type="button" className={styles.link} onClick={() => setOpened(new Set())}>
            Fold finished stretches
          </button>
        )}
      </div>
      <div className={styles.body}>
        {view === "graph" ? (
          <DagGraph drawn={drawn.nodes} edges={drawn.edges} selected={selected} heard={heard} onPress={press} />
        ) : (
          <DagList nodes={state.dag.nodes} selected={selected} heard={heard} onPress={press} />
        )}
        {node && (
          <NodePanel node={node} state={state} onClose={() => onSelect(undefined)} onFork={onFork} onJump={onJump} />
        )}
      </div>
    </div>
  );
}
