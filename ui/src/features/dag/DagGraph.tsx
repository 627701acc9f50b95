import "@xyflow/react/dist/base.css";
import {
  Controls,
  Handle,
  MiniMap,
  Position,
  ReactFlow,
  ReactFlowProvider,
  useReactFlow,
  type Edge,
  type Node,
  type NodeProps,
} from "@xyflow/react";
import { memo, useEffect, useMemo, useRef } from "react";
import { useMantineColorScheme } from "@mantine/core";
import { Icon } from "@/components/Icon";
import type { DagEdge, DagNode } from "@/live/session-state";
import styles from "./Dag.module.css";
import { focusOf, type Drawn } from "./fold";
import type { Heat } from "./heat";
import { HeatBar } from "./HeatBar";
import { layered, SIZES } from "./layout";
import { LOOK_ICON, lookOf, wordOf } from "./words";

interface Props {
  readonly drawn: readonly Drawn[];
  readonly edges: readonly DagEdge[];
  readonly heat: ReadonlyMap<string, Heat>;
  readonly selected: string | undefined;
  readonly heard: boolean;
  readonly onPress: (id: string) => void;
}

type StepNode = Node<{ readonly step: DagNode; readonly heard: boolean; readonly heat: Heat | undefined }, "step">;

const NODE_TYPES = { step: memo(Step) };
const READABLE = 0.85;
const FITS = 7;
const PANEL_MS = 80;

export function DagGraph(props: Props) {
  return (
    <ReactFlowProvider>
      <Graph {...props} />
    </ReactFlowProvider>
  );
}

function Graph({ drawn, edges, heat, selected, heard, onPress }: Props) {
  const flow = useReactFlow();
  const { colorScheme } = useMantineColorScheme();
  const shape = `${drawn.map((each) => each.node.id).join()}|${edges.map((edge) => edge.source + edge.target).join()}`;
  // places change with the set of nodes only: a status that changes moves nothing
  const places = useMemo(
    () =>
      layered(
        drawn.map((each) => each.node.id),
        edges.map((edge) => [edge.source, edge.target]),
      ),
    [shape],
  );
  const nodes = useMemo(
    () =>
      drawn.map(({ node }, index): StepNode => ({
        id: node.id,
        type: "step",
        position: places[index] ?? { x: 0, y: 0 },
        data: { step: node, heard, heat: heat.get(node.id) },
        width: SIZES.width,
        height: SIZES.height,
        selected: node.id === selected,
        ariaLabel: `${node.label}: ${wordOf(node)}`,
      })),
    [drawn, places, selected, heard, heat],
  );
  const lines = useMemo(
    () =>
      edges.map((edge): Edge => ({
        id: `${edge.source}>${edge.target}`,
        ...edge,
        type: isNextTo(edge, drawn, places) ? "default" : "smoothstep",
      })),
    [edges, drawn, places],
  );

  const focus = focusOf(drawn.map((each) => each.node))?.id;
  const followed = useRef<string | undefined>(undefined);
  const look = (id: string | undefined, duration: number) => {
    const at = places[drawn.findIndex((each) => each.node.id === id)];
    if (at)
      void flow.setCenter(at.x + SIZES.width / 2, at.y + SIZES.height / 2, {
        zoom: Math.max(READABLE, flow.getZoom()),
        duration,
      });
  };
  useEffect(() => {
    if (followed.current === undefined || followed.current === focus) return;
    followed.current = focus;
    look(focus, 300);
  }, [focus]);
  useEffect(() => {
    if (selected === undefined) return;
    const timer = setTimeout(() => look(selected, 200), PANEL_MS); // beside the panel that has just opened
    return () => clearTimeout(timer);
  }, [selected]);

  return (
    <div
      className={styles.graph}
      onKeyDown={(event) => {
        if (event.key === "f") void flow.fitView({ duration: 200 });
        if (event.key === "0") look(focus, 200);
        if (event.key === "Enter" || event.key === " ") {
          const id = (event.target as HTMLElement).closest<HTMLElement>(".react-flow__node")?.dataset["id"];
          if (id) {
            event.preventDefault();
            onPress(id);
          }
        }
        const step = { ArrowDown: "target", ArrowRight: "target", ArrowUp: "source", ArrowLeft: "source" }[
          event.key
        ] as "source" | "target" | undefined;
        if (step) {
          event.preventDefault();
          moveFocus(event.currentTarget, edges, step);
        }
      }}
    >
      <ReactFlow
        nodes={nodes}
        edges={lines}
        nodeTypes={NODE_TYPES}
        colorMode={colorScheme === "auto" ? "system" : colorScheme}
        onInit={() => {
          followed.current = focus;
          if (nodes.length <= FITS) void flow.fitView({ padding: 0.08, maxZoom: 1, minZoom: READABLE });
          else look(focus, 0);
        }}
        onNodeClick={(_, node) => onPress(node.id)}
        nodesDraggable={false}
        nodesConnectable={false}
        elementsSelectable={false}
        nodesFocusable
        edgesFocusable={false}
        onlyRenderVisibleElements
        panOnScroll
        minZoom={0.2}
        maxZoom={1.6}
        proOptions={{ hideAttribution: true }}
        deleteKeyCode={null}
        disableKeyboardA11y
      >
        <Controls showInteractive={false} />
        {nodes.length > 15 && <MiniMap pannable aria-label="The whole picture" />}
      </ReactFlow>
    </div>
  );
}

function isNextTo(edge: DagEdge, drawn: readonly Drawn[], places: readonly { x: number; y: number }[]): boolean {
  const at = (id: string) => places[drawn.findIndex((each) => each.node.id === id)];
  const [a, b] = [at(edge.source), at(edge.target)];
  return !a || !b || b.y > a.y;
}

function moveFocus(root: HTMLElement, edges: readonly DagEdge[], to: "source" | "target"): void {
  const id = document.activeElement?.closest<HTMLElement>(".react-flow__node")?.dataset["id"];
  const next = edges.find((edge) => edge[to === "target" ? "source" : "target"] === id)?.[to];
  if (next) root.querySelector<HTMLElement>(`.react-flow__node[data-id="${CSS.escape(next)}"]`)?.focus();
}

function Step({ data, selected }: NodeProps<StepNode>) {
  const { step, heard, heat } = data;
  const look = lookOf(step);
  const tools = step.toolSteps ?? [];
  return (
    <div
      className={styles.node}
      data-look={look}
      data-type={step.type}
      data-selected={selected || undefined}
      title={step.goal ?? step.label}
    >
      <Handle type="target" position={Position.Top} isConnectable={false} />
      <div className={styles.nodeHead}>
        <Icon
          name={step.type === "folded" ? "chevron" : LOOK_ICON[look]}
          size={14}
          spin={look === "running" && heard}
        />
        <span className={styles.nodeName}>{step.label}</span>
      </div>
      <div className={styles.nodeFacts}>
        <span>{step.type === "folded" ? "press to open" : wordOf(step)}</span>
        {step.agent && <span>{step.agent}</span>}
        {tools.length > 0 && (
          <span>
            {tools.length} {tools.length === 1 ? "call" : "calls"}
          </span>
        )}
        {heat && <span className={styles.took}>{heat.words}</span>}
      </div>
      <HeatBar heat={heat} />
      <Handle type="source" position={Position.Bottom} isConnectable={false} />
    </div>
  );
}
