/** Costs over time and in parts, ready to be drawn. Pure. */

import type { CostRow, CostSummary } from "@/api/types";
import { asFields } from "@/live/frames";

export interface Point {
  readonly at: number;
  readonly usd: number;
  readonly tokens: number;
}

/** What had been used after each call, oldest first; only the newest calls are known one by one. */
export function curveOf(costs: CostSummary): Point[] {
  const calls = costs.records
    .map((record) => {
      const call = asFields(record);
      const at = Date.parse(String(call["created_at"] ?? call["timestamp"] ?? ""));
      const number = (name: string) => (typeof call[name] === "number" ? call[name] : 0);
      return { at, usd: number("cost_usd"), tokens: number("input_tokens") + number("output_tokens") };
    })
    .filter((call) => !Number.isNaN(call.at))
    .sort((a, b) => a.at - b.at);
  const known = calls.reduce((sum, call) => ({ usd: sum.usd + call.usd, tokens: sum.tokens + call.tokens }), {
    usd: 0,
    tokens: 0,
  });
  let usd = (costs.total_cost_usd ?? 0) - known.usd;
  let tokens = costs.input_tokens + costs.output_tokens - known.tokens;
  return calls.map((call) => {
    usd += call.usd;
    tokens += call.tokens;
    return { at: call.at, usd: Math.max(0, usd), tokens: Math.max(0, tokens) };
  });
}

/** A path of steps through the points, in a box of this size. */
export function stepPath(
  points: readonly Point[],
  value: (point: Point) => number,
  width: number,
  height: number,
): string {
  const first = points[0];
  const last = points.at(-1);
  if (!first || !last) return "";
  const most = Math.max(...points.map(value), Number.MIN_VALUE);
  const x = (at: number) => (last.at === first.at ? 0 : ((at - first.at) / (last.at - first.at)) * width);
  const y = (amount: number) => height - (amount / most) * height;
  const parts = points.map((point, index) =>
    index === 0
      ? `M0 ${height}V${y(value(point)).toFixed(1)}`
      : `H${x(point.at).toFixed(1)}V${y(value(point)).toFixed(1)}`,
  );
  return `${parts.join("")}H${width}`;
}

/**
 * One row for each model: a call that failed is entered under the name that was asked for, `provider:model`, and the
 * others under the name with which the provider answered. Two providers of one model stay apart.
 */
export function joinedModels(rows: readonly CostRow[]): CostRow[] {
  const partner = (row: CostRow) => {
    const asked = rows.filter((each) => each !== row && each.key.includes(":") && rest(each.key) === row.key);
    return asked.length === 1 ? asked[0] : undefined;
  };
  const joined = rows.map((row) => [row, partner(row)] as const);
  const taken = new Set(joined.map(([, asked]) => asked));
  return joined.filter(([row]) => !taken.has(row)).map(([row, asked]) => (asked ? sum(row, asked) : row));
}

function rest(name: string): string {
  return name.slice(name.indexOf(":") + 1);
}

function sum(row: CostRow, other: CostRow): CostRow {
  const priced = row.cost_usd !== null || other.cost_usd !== null;
  return {
    ...row,
    calls: row.calls + other.calls,
    input_tokens: row.input_tokens + other.input_tokens,
    output_tokens: row.output_tokens + other.output_tokens,
    cached_tokens: row.cached_tokens + other.cached_tokens,
    cost_usd: priced ? (row.cost_usd ?? 0) + (other.cost_usd ?? 0) : null,
    unpriced_calls: row.unpriced_calls + other.unpriced_calls,
  };
}

/** How many colours the parts of a bar take turns with. */
export const SHADES = 6;

/** How much of all this is, by cost or by tokens. */
export function shareOf(row: CostRow, rows: readonly CostRow[], priced: boolean): number {
  const value = (each: CostRow) => (priced ? (each.cost_usd ?? 0) : each.input_tokens + each.output_tokens);
  const most = rows.reduce((sum, each) => sum + value(each), 0);
  return most > 0 ? value(row) / most : 0;
}

export function csvOf(rows: readonly CostRow[]): string {
  const head = "key,calls,input_tokens,output_tokens,cached_tokens,cost_usd,unpriced_calls";
  const cell = (value: unknown) => {
    const text = value === null || value === undefined ? "" : String(value);
    const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text; // a spreadsheet must not take a name for a formula
    return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const line = (row: CostRow) =>
    [
      cell(row.key),
      row.calls,
      row.input_tokens,
      row.output_tokens,
      row.cached_tokens,
      row.cost_usd ?? "",
      row.unpriced_calls,
    ].join(",");
  return [head, ...rows.map(line)].join("\n");
}
