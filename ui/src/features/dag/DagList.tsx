import { Icon } from "@/components/Icon";
import type { DagNode } from "@/live/session-state";
import styles from "./Dag.module.css";
import type { Heat } from "./heat";
import { HeatBar } from "./HeatBar";
import { LOOK_ICON, lookOf, wordOf } from "./words";

interface Props {
  readonly nodes: readonly DagNode[];
  readonly heat: ReadonlyMap<string, Heat>;
  readonly selected: string | undefined;
  readonly heard: boolean;
  readonly onPress: (id: string) => void;
}

/** The same picture to read from top to bottom. */
export function DagList({ nodes, heat, selected, heard, onPress }: Props) {
  return (
    <ol className={styles.list} aria-label="Nodes">
      {nodes.map((node) => {
        const look = lookOf(node);
        return (
          <li key={node.id}>
            <button
              type="button"
              className={styles.row}
              data-look={look}
              aria-pressed={node.id === selected}
              onClick={() => onPress(node.id)}
            >
              <Icon name={LOOK_ICON[look]} spin={look === "running" && heard} />
              <span className={styles.rowName}>{node.label}</span>
              <span className={styles.nodeFacts}>
                {node.agent && <span>{node.agent}</span>}
                <span>{wordOf(node)}</span>
                {heat.has(node.id) && <span className={styles.took}>{heat.get(node.id)?.words}</span>}
              </span>
              <HeatBar heat={heat.get(node.id)} />
            </button>
            {node.toolSteps && node.toolSteps.length > 0 && (
              <ul className={styles.inner} aria-label={`Tool calls of ${node.label}`}>
                {node.toolSteps.map((tool) => (
                  <li key={String(tool["tool_step_id"])}>
                    <code>{String(tool["tool"])}</code> {String(tool["status"])}
                  </li>
                ))}
              </ul>
            )}
          </li>
        );
      })}
    </ol>
  );
}
