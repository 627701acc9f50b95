import { describe, expect, it } from "vitest";
import type { Dag, DagNode } from "@/live/session-state";
import { focusOf, folded } from "./fold";
import { layered, SIZES } from "./layout";

function node(id: string, status = "completed", type = "step"): DagNode {
  return { id, type, label: id, status, number: null, agent: null, goal: null, steps: null, toolSteps: null };
}

function chain(statuses: readonly string[]): Dag {
  const nodes = statuses.map((status, index) => node(`n${index}`, status));
  return { nodes, edges: nodes.slice(1).map((each, index) => ({ source: `n${index}`, target: each.id })) };
}

describe("the layout", () => {
  const chained = (count: number): [string[], [string, string][]] => {
    const ids = Array.from({ length: count }, (_, index) => `n${index}`);
    return [ids, ids.slice(1).map((id, index) => [`n${index}`, id])];
  };

  it("puts a chain below each other", () => {
    const places = layered(...chained(4));
    expect(places.map((place) => place.x)).toEqual([0, 0, 0, 0]);
    expect(places.map((place) => place.y)).toEqual([0, 1, 2, 3].map((row) => row * (SIZES.height + SIZES.gapY)));
  });

  it("leaves what is there where it is when a step is appended", () => {
    expect(layered(...chained(9)).slice(0, 8)).toEqual(layered(...chained(8)));
  });

  it("puts no two nodes onto each other", () => {
    const ids = ["a", "b", "c", "d", "e", "f"];
    const edges: [string, string][] = [
      ["a", "b"],
      ["a", "c"],
      ["a", "d"],
      ["b", "e"],
      ["c", "e"],
      ["d", "e"],
      ["e", "f"],
    ];
    const places = layered(ids, edges);
    expect(new Set(places.map((place) => `${place.x} ${place.y}`)).size).toBe(ids.length);
    expect(places[1]?.y).toBe(places[3]?.y);
  });

  it("goes on beside after many layers", () => {
    const places = layered(...chained(SIZES.perColumn + 1));
    expect(places.at(-1)?.y).toBe(0);
    expect(places.at(-1)?.x).toBeGreaterThan(SIZES.width);
  });

  it("survives cycles and edges that lead nowhere", () => {
    const places = layered(
      ["a", "b", "c"],
      [
        ["a", "b"],
        ["b", "a"],
        ["c", "gone"],
      ],
    );
    expect(places).toHaveLength(3);
    for (const place of places) expect(Number.isFinite(place.x + place.y)).toBe(true);
  });

  it("is fast enough for a thousand nodes to be laid out while they come", () => {
    expect(layered(...chained(1000))).toHaveLength(1000);
  });
});

describe("folding", () => {
  const long = chain([...Array<string>(9).fill("completed"), "running", ...Array<string>(5).fill("pending")]);

  it("leaves small pictures as they are", () => {
    const small = chain(["completed", "completed", "completed", "completed", "completed", "running"]);
    expect(folded(small, new Set()).nodes).toHaveLength(6);
  });

  it("makes a long finished stretch one node and keeps the edges", () => {
    const { nodes, edges } = folded(long, new Set());
    expect(nodes[0]?.folded.length).toBeGreaterThanOrEqual(8);
    expect(nodes.map((each) => each.node.id)).toContain("n9");
    const ids = new Set(nodes.map((each) => each.node.id));
    for (const edge of edges) expect(ids.has(edge.source) && ids.has(edge.target)).toBe(true);
    expect(edges).toHaveLength(nodes.length - 1);
  });

  it("opens by hand", () => {
    const id = folded(long, new Set()).nodes.find((each) => each.folded.length > 0)?.node.id ?? "";
    expect(folded(long, new Set([id])).nodes).toHaveLength(long.nodes.length);
  });

  it("never hides what failed", () => {
    const dag = chain([...Array<string>(6).fill("completed"), "failed", ...Array<string>(8).fill("completed")]);
    expect(folded(dag, new Set()).nodes.map((each) => each.node.id)).toContain("n6");
  });
});

it("looks first at what goes on, then at what failed, then at what asks", () => {
  const nodes = [node("a"), node("gate", "pending", "gate"), node("f", "failed"), node("r", "executing")];
  expect(focusOf(nodes)?.id).toBe("r");
  expect(focusOf(nodes.slice(0, 3))?.id).toBe("f");
  expect(focusOf(nodes.slice(0, 2))?.id).toBe("gate");
  expect(focusOf(nodes.slice(0, 1))?.id).toBe("a");
});
