/** Events as bars over time: steps, tool calls and waits; long stretches in which nothing happened are folded. Pure. */

import { asFields, type EventFrame } from "@/live/frames";

export interface Bar {
  readonly key: string;
  readonly seq: number;
  readonly label: string;
  readonly kind: "step" | "tool" | "ask" | "pause" | "away";
  readonly status: "done" | "failed" | "open";
  readonly from: number;
  readonly to: number;
}

export interface Timeline {
  readonly bars: readonly Bar[];
  /** From real time to the folded axis, 0 to 1. */
  readonly at: (time: number) => number;
  readonly folds: readonly { readonly from: number; readonly to: number }[];
  /** Times in which the server was away. */
  readonly outages: readonly { readonly from: number; readonly to: number; readonly seq: number }[];
  /** Times in which the run was paused. */
  readonly pauses: readonly { readonly from: number; readonly to: number; readonly seq: number }[];
  readonly marks: readonly { readonly at: number; readonly label: string; readonly seq: number }[];
}

const IDLE_MS = 60_000;
const FOLDED_MS = 4_000;

export function timelineOf(events: readonly EventFrame[], now: number): Timeline {
  const open = new Map<string, Bar>();
  const bars: Bar[] = [];
  const marks: { at: number; label: string; seq: number }[] = [];
  const outages: { from: number; to: number; seq: number }[] = [];
  const begin = (key: string, event: EventFrame, label: string, kind: Bar["kind"]) =>
    open.set(key, {
      key: `${key}-${event.seq}`,
      seq: event.seq,
      label,
      kind,
      status: "open",
      from: Date.parse(event.timestamp),
      to: now,
    });
  const end = (key: string, event: EventFrame, status: Bar["status"]) => {
    const bar = open.get(key);
    if (!bar) return;
    open.delete(key);
    bars.push({ ...bar, status, to: Date.parse(event.timestamp) });
  };
  let before = 0;
  for (const event of events) {
    const { data } = event;
    const last = before;
    before = Date.parse(event.timestamp);
    const name = (field: string) => (typeof data[field] === "string" ? data[field] : "");
    switch (event.type) {
      case "step_started":
        end(`step-${name("step_id")}`, event, "failed"); // the attempt before never ended
        begin(`step-${name("step_id")}`, event, name("name") || name("key"), "step");
        break;
      case "step_completed":
      case "step_skipped":
        end(`step-${name("step_id")}`, event, "done");
        break;
      case "step_failed":
        end(`step-${name("step_id")}`, event, "failed");
        break;
      case "tool_call":
        begin(`tool-${name("call_id")}`, event, name("tool"), "tool");
        break;
      case "tool_result":
        end(`tool-${name("call_id")}`, event, data["ok"] === false ? "failed" : "done");
        break;
      case "approval_request":
        begin(`ask-${name("approval_id")}`, event, name("title"), "ask");
        break;
      case "approval_resolved":
        end(`ask-${name("approval_id")}`, event, "done");
        break;
      case "workflow_paused":
        begin("pause", event, "Paused", "pause");
        break;
      case "workflow_resumed":
        end("pause", event, "done");
        if (last > 0 && name("reason").includes("restart")) {
          const away = { from: last, to: before, seq: event.seq };
          outages.push(away);
          bars.push({ ...away, key: `away-${event.seq}`, label: "Server away", kind: "away", status: "done" });
        }
        marks.push({
          at: Date.parse(event.timestamp),
          seq: event.seq,
          label: `Resumed: ${name("reason") || "requested"}`,
        });
        break;
      case "workflow_complete":
      case "workflow_failed":
      case "workflow_cancelled":
        for (const key of [...open.keys()]) end(key, event, event.type === "workflow_complete" ? "done" : "failed");
        marks.push({ at: Date.parse(event.timestamp), seq: event.seq, label: event.type.replace("workflow_", "run ") });
        break;
      case "workflow_started":
        marks.push({
          at: Date.parse(event.timestamp),
          seq: event.seq,
          label: `Run: ${String(asFields(data)["task"] ?? "").slice(0, 60)}`,
        });
        break;
      default:
        break;
    }
  }
  bars.push(...open.values());
  bars.sort((a, b) => a.from - b.from || a.seq - b.seq);
  const pauses = bars.filter((bar) => bar.kind === "pause").map(({ from, to, seq }) => ({ from, to, seq }));
  return { bars, marks, outages, pauses, ...axis(events, bars, now) };
}

/** The part of a timeline in which these events lie: what reaches into it, on an axis of its own. */
export function within(line: Timeline, events: readonly EventFrame[]): Timeline {
  const first = Date.parse(events[0]?.timestamp ?? "");
  const last = Date.parse(events.at(-1)?.timestamp ?? "");
  const reachesIn = (each: { readonly from: number; readonly to: number }) => each.to >= first && each.from <= last;
  return {
    bars: line.bars.filter(reachesIn),
    outages: line.outages.filter(reachesIn),
    pauses: line.pauses.filter(reachesIn),
    marks: line.marks.filter((mark) => mark.at >= first && mark.at <= last),
    ...axis(events, [], last),
  };
}

/** Time without events inside longer than a minute takes four seconds' room, whatever waited meanwhile. */
function axis(events: readonly EventFrame[], bars: readonly Bar[], now: number): Pick<Timeline, "at" | "folds"> {
  const times = events.map((event) => Date.parse(event.timestamp)).filter((time) => !Number.isNaN(time));
  if (bars.some((bar) => bar.status === "open")) times.push(now);
  times.sort((a, b) => a - b);
  const first = times[0] ?? now;
  const folds: { from: number; to: number }[] = [];
  let length = 0;
  const stops: [number, number][] = [[first, 0]];
  times.forEach((time, index) => {
    const before = times[index - 1];
    if (before === undefined) return;
    const gap = time - before;
    if (gap > IDLE_MS) {
      folds.push({ from: before, to: time });
      stops.push([before, length]);
      length += FOLDED_MS;
      stops.push([time, length]);
    } else length += gap;
  });
  stops.push([times.at(-1) ?? now, length]);
  const total = Math.max(1, length);
  const at = (time: number): number => {
    for (let index = stops.length - 1; index > 0; index -= 1) {
      const [t0, p0] = stops[index - 1] ?? [0, 0];
      const [t1, p1] = stops[index] ?? [0, 0];
      if (time >= t0 && t1 > t0) return Math.min(1, (p0 + ((time - t0) / (t1 - t0)) * (p1 - p0)) / total);
    }
    return 0;
  };
  return { at, folds };
}
