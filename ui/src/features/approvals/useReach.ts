import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { answers } from "@/api/server";
import { useConnection } from "@/live/react";

/** `asking`: nothing comes by the socket, and requests go through as far as is known. */
export type Reach = "live" | "asking" | "offline" | "away";

/** Why nothing can be sent now. */
export const WHY_NOT: Readonly<Partial<Record<Reach, string>>> = {
  offline: "You are offline. What you typed is kept; it can be sent when the network is back.",
  away: "The server cannot be reached. What you typed is kept; it can be sent when the server is back.",
};

const LOOK_MS = 2_000;

/**
 * Whether an answer would arrive. Without the socket that is found out by asking: some networks let no socket through,
 * and a server on this machine is there without any network.
 */
export function useReach(): Reach {
  const connection = useConnection();
  const isOnline = useOnline();
  const { kind } = connection;
  const isLost = kind === "waiting" || kind === "closed" || (kind === "connecting" && connection.attempt > 0);
  const { data: isThere } = useQuery({
    queryKey: ["reach"],
    queryFn: answers,
    enabled: isLost,
    staleTime: 0,
    refetchInterval: LOOK_MS,
  });
  if (kind === "live" || kind === "idle") return "live";
  if (!isLost || isThere !== false) return "asking";
  return isOnline ? "away" : "offline";
}

function useOnline(): boolean {
  const [isOnline, setIsOnline] = useState(navigator.onLine);
  useEffect(() => {
    const look = () => setIsOnline(navigator.onLine);
    window.addEventListener("online", look);
    window.addEventListener("offline", look);
    return () => {
      window.removeEventListener("online", look);
      window.removeEventListener("offline", look);
    };
  }, []);
  return isOnline;
}
