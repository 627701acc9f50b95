import { createContext, useContext, useMemo, type ReactNode } from "react";
import type { FileEntry } from "@/live/session-state";

export interface Workspace {
  readonly sessionId: string;
  readonly files: readonly FileEntry[];
  /** Where relative addresses in texts begin. */
  readonly folder: string;
}

const WorkspaceContext = createContext<Workspace | null>(null);

interface Props {
  readonly sessionId: string;
  readonly files: readonly FileEntry[];
  readonly folder?: string;
  readonly children: ReactNode;
}

/** Texts inside may show pictures among these files, and no others. */
export function WorkspaceProvider({ sessionId, files, folder = "", children }: Props) {
  const value = useMemo(() => ({ sessionId, files, folder }), [sessionId, files, folder]);
  return <WorkspaceContext.Provider value={value}>{children}</WorkspaceContext.Provider>;
}

/** The files that a text may show; null outside of sessions. */
export function useWorkspace(): Workspace | null {
  return useContext(WorkspaceContext);
}
