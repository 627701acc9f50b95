/** Where the nodes of a graph stand: from top to bottom by longest path, with few crossings. Pure. */

export interface Placed {
  readonly x: number;
  readonly y: number;
}

export interface Sizes {
  readonly width: number;
  readonly height: number;
  readonly gapX: number;
  readonly gapY: number;
  /** Layers below each other before the drawing goes on beside. */
  readonly perColumn: number;
}

export const SIZES: Sizes = { width: 236, height: 60, gapX: 26, gapY: 34, perColumn: 24 };
const SWEEPS = 4;

/**
 * Positions in the order of `ids`. Ties keep the order of arrival, so that a growing graph does not jump.
 * Edges to unknown nodes are left out; nodes in a cycle stand in the first layer.
 */
export function layered(
  ids: readonly string[],
  edges: readonly (readonly [string, string])[],
  sizes = SIZES,
): Placed[] {
  const index = new Map(ids.map((id, at) => [id, at]));
  const into: number[][] = ids.map(() => []);
  const from: number[][] = ids.map(() => []);
  for (const [source, target] of edges) {
    const a = index.get(source);
    const b = index.get(target);
    if (a === undefined || b === undefined || a === b) continue;
    from[a]?.push(b);
    into[b]?.push(a);
  }
  const rank = ranks(into, from);
  const layers: number[][] = [];
  ids.forEach((_, node) => (layers[rank[node] ?? 0] ??= []).push(node));
  sweep(layers, into, from, ids.length);
  return placed(layers, ids.length, sizes);
}

function ranks(into: readonly number[][], from: readonly number[][]): number[] {
  const rank = into.map(() => 0);
  const open = into.map((each) => each.length);
  const ready = open.flatMap((count, node) => (count === 0 ? [node] : []));
  for (let at = 0; at < ready.length; at += 1) {
    const node = ready[at] ?? 0;
    for (const next of from[node] ?? []) {
      rank[next] = Math.max(rank[next] ?? 0, (rank[node] ?? 0) + 1);
      open[next] = (open[next] ?? 0) - 1;
      if (open[next] === 0) ready.push(next);
    }
  }
  return rank.map((value, node) => ((open[node] ?? 0) > 0 ? 0 : value));
}

/** Order each layer by the mean place of its neighbours, forth and back. */
function sweep(layers: number[][], into: readonly number[][], from: readonly number[][], count: number): void {
  const place = new Float64Array(count);
  layers.forEach((layer) => layer.forEach((node, at) => (place[node] = at)));
  for (let turn = 0; turn < SWEEPS; turn += 1) {
    const back = turn % 2 === 1;
    for (const layer of back ? [...layers].reverse() : layers) {
      const key = new Map(
        layer.map((node) => {
          const near = (back ? from[node] : into[node]) ?? [];
          const mean =
            near.length > 0
              ? near.reduce((sum, each) => sum + (place[each] ?? 0), 0) / near.length
              : (place[node] ?? 0);
          return [node, mean];
        }),
      );
      layer.sort((a, b) => (key.get(a) ?? 0) - (key.get(b) ?? 0) || a - b);
      layer.forEach((node, at) => (place[node] = at));
    }
  }
}

function placed(layers: readonly number[][], count: number, sizes: Sizes): Placed[] {
  const result: Placed[] = Array.from({ length: count }, () => ({ x: 0, y: 0 }));
  let left = 0;
  for (let first = 0; first < layers.length; first += sizes.perColumn) {
    const column = layers.slice(first, first + sizes.perColumn);
    const most = Math.max(...column.map((layer) => layer?.length ?? 0));
    column.forEach((layer, row) =>
      layer?.forEach((node, at) => {
        const x = left + (at + (most - layer.length) / 2) * (sizes.width + sizes.gapX);
        result[node] = { x, y: row * (sizes.height + sizes.gapY) };
      }),
    );
    left += most * (sizes.width + sizes.gapX) + sizes.gapX;
  }
  return result;
}
