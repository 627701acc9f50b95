import { createContext, useContext } from "react";

/** Tells the list what was just moved to the trash, so that it can be had back with one press. */
export const Deleted = createContext<(ids: readonly string[]) => void>(() => undefined);

export function useDeleted(): (ids: readonly string[]) => void {
  return useContext(Deleted);
}
