import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { asProblem, type Problem } from "@/api/problem";
import { commandMany, type BulkCommand } from "@/api/sessions";
import type { SessionInfo } from "@/api/types";
import { Menu, type MenuItem } from "@/components/Menu";
import { may } from "@/lib/access";
import type { Shown } from "@/lib/status";
import { useDeleted } from "./deleted";

interface Props {
  readonly session: SessionInfo;
  readonly status: Shown;
  readonly onProblem: (problem: Problem | null) => void;
  readonly onRename: () => void;
}

const ARCHIVED_FROM: ReadonlySet<Shown> = new Set<Shown>(["paused", "failed", "done", "expired"]);

/** What else can be done with a session without opening it. */
export function RowMenu({ session, status, onProblem, onRename }: Props) {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const deleted = useDeleted();
  const id = session.session_id;
  const command = async (word: BulkCommand) => {
    onProblem(null);
    try {
      const { failed } = await commandMany(word, [id]);
      if (failed[0]) throw new Error(failed[0].detail);
      if (word === "delete") deleted([id]);
    } catch (error) {
      onProblem(asProblem(error));
    } finally {
      void queries.invalidateQueries({ queryKey: ["sessions"] });
    }
  };
  const items: (MenuItem | false)[] = [
    may(session.role, "edit") && status !== "deleted" && { label: "Rename", icon: "pen", onPress: onRename },
    status !== "deleted" && {
      label: "Start one like this",
      icon: "plus",
      onPress: () => void navigate({ to: "/new", search: { from: id } }),
    },
    ARCHIVED_FROM.has(status) &&
      may(session.role, "control") && { label: "Archive", icon: "box", onPress: () => void command("archive") },
    status !== "deleted" &&
      may(session.role, "delete") && {
        label: "Delete",
        icon: "bin",
        danger: true,
        onPress: () => void command("delete"),
      },
  ];
  return (
    <Menu label={`More to do with ${session.name}`} items={items.filter((item): item is MenuItem => item !== false)} />
  );
}
