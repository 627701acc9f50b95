import type { ApprovalEntry, MessageEntry, SessionState, ToolEntry } from "@/live/session-state";

/** What stands in the conversation, in the order it happened. */
export type Item =
  | { readonly kind: "message"; readonly id: string; readonly at: string; readonly message: MessageEntry }
  | { readonly kind: "tools"; readonly id: string; readonly at: string; readonly tools: readonly ToolEntry[] }
  | { readonly kind: "decision"; readonly id: string; readonly at: string; readonly approval: ApprovalEntry };

/** Messages with the tool calls between them, neighbouring calls together, and what people decided. */
export function itemsOf(state: SessionState): Item[] {
  const oldest = state.olderMessages === null ? "" : (state.messages[0]?.at ?? "");
  const items: Item[] = state.messages.map((message) => ({
    kind: "message",
    id: message.messageId,
    at: message.at,
    message,
  }));
  for (const approval of state.approvals) {
    if (approval.status === "pending") continue;
    items.push({ kind: "decision", id: approval.approvalId, at: approval.respondedAt ?? approval.at, approval });
  }
  for (const tool of state.tools) items.push({ kind: "tools", id: `tool-${tool.seq}`, at: tool.at, tools: [tool] });
  items.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  const shown = items.filter((item) => item.kind === "message" || item.at >= oldest);
  const joined: Item[] = [];
  for (const item of shown) {
    const last = joined.at(-1);
    if (item.kind === "tools" && last?.kind === "tools")
      joined[joined.length - 1] = { ...last, tools: [...last.tools, ...item.tools] };
    else joined.push(item);
  }
  return joined;
}
