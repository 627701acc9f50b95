import { useEffect } from "react";
import type { Shown } from "@/lib/status";

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title ? `${title} · Perdure` : "Perdure";
  }, [title]);
}

const COLORS: Partial<Record<Shown, string>> = { "needs-you": "#b26a00", failed: "#a32424", running: "#0a6353" };

/** Title and icon of the browser's tab say when somebody is needed. */
export function useAttention(title: string, waiting: number, status: Shown): void {
  useTitle(`${waiting > 0 ? `(${waiting}) ` : ""}${title}`);
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
