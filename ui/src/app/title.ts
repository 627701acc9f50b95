import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { listWaiting } from "@/api/approvals";
import type { Shown } from "@/lib/status";

/** Title and icon of a page that is about no session: they say when any session needs somebody. */
export function useTitle(title: string): void {
  useMarks(title, useWaiting() > 0 ? "needs-you" : "done");
}

/** The same for the page of a session, which may know of a question before the inbox does. */
export function useAttention(title: string, waiting: number, status: Shown): void {
  useMarks(title, status, waiting);
}

function useWaiting(): number {
  return useQuery({ queryKey: ["inbox"], queryFn: listWaiting, select: (inbox) => inbox.total }).data ?? 0;
}

const COLORS: Partial<Record<Shown, string>> = { "needs-you": "#b26a00", failed: "#a32424", running: "#0a6353" };

function useMarks(title: string, status: Shown, known = 0): void {
  const waiting = Math.max(known, useWaiting());
  useEffect(() => {
    const count = waiting > 0 ? `(${waiting}) ` : "";
    document.title = count + (title ? `${title} · Perdure` : "Perdure");
  }, [title, waiting]);
  useEffect(() => {
    const link = document.querySelector<HTMLLinkElement>("link[rel=icon]");
    const color = COLORS[status];
    if (!link || !color) return;
    const before = link.href;
    const dot = `<circle cx="15.5" cy="4.5" r="4.5" fill="${color}" stroke="#fff" stroke-width="1.4"/>`;
    const mark = `<rect width="20" height="20" rx="4" fill="#0a6353"/><path d="M7 16V8.2a3.9 3.9 0 1 1 3.9 3.9H9.6" fill="none" stroke="#fff" stroke-width="2" stroke-linecap="round"/>`;
    link.href = `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20">${mark}${dot}</svg>`)}`;
    return () => {
      link.href = before;
    };
  }, [status]);
}
