/** Long finished stretches become one node, so that what is going on can be read. Pure. */

import type { Dag, DagEdge, DagNode } from "@/live/session-state";

export interface Drawn {
  readonly node: DagNode;
  /** Ids of the nodes that stand behind this one; empty for a node that stands for itself. */
  readonly folded: readonly string[];
}

const SHORTEST = 4;
const OVER: ReadonlySet<string> = new Set(["completed", "skipped", "approved", "answered"]);

/** Fold chains of finished nodes of at least four, except those opened by hand; small graphs stay as they are. */
export function folded(dag: Dag, opened: ReadonlySet<string>, above = 12): { nodes: Drawn[]; edges: DagEdge[] } {
  const alone = dag.nodes.map((node) => ({ node, folded: [] as readonly string[] }));
  if (dag.nodes.length <= above) return { nodes: alone, edges: [...dag.edges] };
  const degree = degrees(dag.edges);
  const stretches: DagNode[][] = [];
  for (const node of dag.nodes) {
    const last = stretches.at(-1)?.at(-1);
    const canFold = OVER.has(node.status) && isInner(degree.get(node.id));
    const follows =
      last &&
      canFold &&
      OVER.has(last.status) &&
      isInner(degree.get(last.id)) &&
      dag.edges.some((edge) => edge.source === last.id && edge.target === node.id);
    if (follows) stretches.at(-1)?.push(node);
    else stretches.push([node]);
  }
  const standsFor = new Map<string, string>();
  const nodes = stretches.flatMap((stretch): Drawn[] => {
    const first = stretch[0];
    if (!first) return [];
    const id = `folded-${first.id}`;
    if (stretch.length < SHORTEST || opened.has(id)) return stretch.map((node) => ({ node, folded: [] }));
    for (const node of stretch) standsFor.set(node.id, id);
    const label = `${stretch.length} done: ${first.label} … ${stretch.at(-1)?.label ?? ""}`;
    return [
      {
        node: { ...first, id, label, type: "folded", status: "completed", toolSteps: null },
        folded: stretch.map((each) => each.id),
      },
    ];
  });
  const edges = dag.edges
    .map(({ source, target }) => ({ source: standsFor.get(source) ?? source, target: standsFor.get(target) ?? target }))
    .filter((edge) => edge.source !== edge.target);
  return { nodes, edges };
}

function degrees(edges: readonly DagEdge[]): Map<string, { into: number; from: number }> {
  const all = new Map<string, { into: number; from: number }>();
  const at = (id: string) => {
    const known = all.get(id) ?? { into: 0, from: 0 };
    all.set(id, known);
    return known;
  };
  for (const edge of edges) {
    at(edge.source).from += 1;
    at(edge.target).into += 1;
  }
  return all;
}

function isInner(degree: { into: number; from: number } | undefined): boolean {
  return degree !== undefined && degree.into <= 1 && degree.from <= 1;
}

/** The node to look at first: what goes on, what asks, what failed, else the last that is over. */
export function focusOf(nodes: readonly DagNode[]): DagNode | undefined {
  for (const statuses of [["executing", "running"], ["pending-approval", "waiting"], ["failed"]]) {
    const found = nodes.find((node) => statuses.includes(node.status));
    if (found) return found;
  }
  return (
    nodes.find((node) => node.type === "gate" && node.status === "pending") ??
    nodes.findLast((node) => OVER.has(node.status)) ??
    nodes[0]
  );
}
