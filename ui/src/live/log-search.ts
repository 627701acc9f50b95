/** What a search finds in the part of a log that is not here: the server looks through it, newest first. */

import { useEffect, useState } from "react";
import { asProblem, type Problem } from "@/api/problem";
import { searchEvents, type LogPage } from "@/api/sessions";
import { useDelayed } from "@/lib/delayed";
import { readEvent, type EventFrame } from "./frames";

/** So many at a time; more on demand. */
export const MOST_FOUND = 200;

export interface Found {
  /** In log order. */
  readonly events: readonly EventFrame[];
  readonly searching: boolean;
  /** Events from this one on were looked at; 1: all of them. */
  readonly through: number;
  readonly problem: Problem | null;
}

type Ask = (before: number, signal: AbortSignal) => Promise<LogPage>;

/**
 * Look backwards from an event, stretch by stretch, until enough is found or the log begins; tells of every stretch.
 * Ends without a word when it is called off.
 */
export async function lookBack(
  ask: Ask,
  before: number,
  most: number,
  signal: AbortSignal,
  tell: (found: Found) => void,
): Promise<void> {
  let events: readonly EventFrame[] = [];
  let through = before;
  try {
    while (through > 1 && events.length < most) {
      tell({ events, searching: true, through, problem: null });
      const page = await ask(through, signal);
      if (signal.aborted) return;
      events = [...page.events.map(readEvent).filter((event) => event !== null), ...events];
      through = page.nextBefore ?? 1;
    }
    tell({ events, searching: false, through, problem: null });
  } catch (error) {
    if (!signal.aborted) tell({ events, searching: false, through, problem: asProblem(error) });
  }
}

interface Search {
  readonly sessionId: string;
  /** Empty: nothing is looked for. */
  readonly words: string;
  /** The first event that is here; those before it are searched. */
  readonly before: number;
  readonly types?: readonly string[];
}

export interface LogSearch extends Found {
  /** Look further back; after a failure, again from where it failed. */
  readonly goOn: () => void;
}

const NOTHING: readonly EventFrame[] = [];

/** The events before those that are here which say the words; a moment after the last letter was typed. */
export function useLogSearch({ sessionId, words, before, types }: Search): LogSearch {
  const wanted = useDelayed(words);
  const [found, setFound] = useState<(Found & { words: string }) | null>(null);
  const [more, setMore] = useState<{ from: Found; words: string } | null>(null);
  useEffect(() => {
    const earlier = more?.words === wanted ? more.from : null;
    const start = earlier?.through ?? before;
    if (!wanted || start <= 1) return setFound(null);
    const control = new AbortController();
    void lookBack(
      (from, signal) => searchEvents(sessionId, wanted, from, [...(types ?? [])], signal),
      start,
      MOST_FOUND,
      control.signal,
      (next) => setFound({ ...next, events: [...next.events, ...(earlier?.events ?? [])], words: wanted }),
    );
    return () => control.abort();
  }, [sessionId, wanted, more]);
  const current = words !== "" && found?.words === words ? found : null;
  return {
    events: current?.events ?? NOTHING,
    searching: words !== "" && before > 1 && (current?.searching ?? true),
    through: current?.through ?? before,
    problem: current?.problem ?? null,
    goOn: () => current && setMore({ from: current, words }),
  };
}

/** Whether an event says the words, in small letters: the rule of the server's search. */
export function says(event: EventFrame, words: string): boolean {
  if (event.type === "console") return holds(event.data["lines"], words);
  return event.type.includes(words) || holds(event.data, words);
}

function holds(value: unknown, words: string): boolean {
  if (typeof value === "string") return value.toLowerCase().includes(words);
  if (typeof value === "number") return String(value) === words;
  if (Array.isArray(value)) return value.some((each) => holds(each, words));
  return typeof value === "object" && value !== null && Object.values(value).some((each) => holds(each, words));
}
