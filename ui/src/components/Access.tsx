import { createContext, useContext, type ReactNode } from "react";
import type { Me } from "@/api/types";
import { may, type Right } from "@/lib/access";

const MeContext = createContext<Me | null>(null);

export function MeProvider({ me, children }: { me: Me | null; children: ReactNode }) {
  return <MeContext.Provider value={me}>{children}</MeContext.Provider>;
}

/** Who is on this page; null while that is not known. */
export function useMe(): Me | null {
  return useContext(MeContext);
}

/** Whether the server knows several people at all. */
export function useIsShared(): boolean {
  return useContext(MeContext)?.auth === "password";
}

const RoleContext = createContext<string | null>(null);

/** How the person on this page relates to the session inside; null: it is theirs. */
export function RoleProvider({ role, children }: { role: string | null; children: ReactNode }) {
  return <RoleContext.Provider value={role}>{children}</RoleContext.Provider>;
}

export function useRole(): string | null {
  return useContext(RoleContext);
}

export function useMay(right: Right): boolean {
  return may(useContext(RoleContext), right);
}
