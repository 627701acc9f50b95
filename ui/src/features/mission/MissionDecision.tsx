import { Button } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { acceptMission, cancelMission, rejectMission, reviseMission } from "@/api/missions";
import { asProblem, type Problem } from "@/api/problem";
import type { MissionDetail } from "@/api/types";
import { useMay } from "@/components/Access";
import fields from "@/components/form/form.module.css";
import { ErrorState } from "@/components/States";
import styles from "./Mission.module.css";

/** Yes, no, or what should be different, while the mission is proposed; ended by hand while it is under way. */
export function Decision({ mission }: { mission: MissionDetail }) {
  const queries = useQueryClient();
  const [words, setWords] = useState("");
  const [busy, setBusy] = useState<string | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const mayDecide = useMay("answer");
  const run = async (name: string, command: () => Promise<void>) => {
    setBusy(name);
    setProblem(null);
    try {
      await command();
      setWords("");
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(null);
      void queries.invalidateQueries({ queryKey: ["missions"] });
      void queries.invalidateQueries({ queryKey: ["mission"] });
    }
  };
  const proposed = mission.status === "proposed";
  if (!mayDecide) return null;
  if (!proposed && mission.status !== "accepted" && mission.status !== "in_progress") return null;
  const id = mission.mission_id;
  return (
    <section className={styles.decision} aria-label="Decision">
      {proposed && (
        <label className={fields.field}>
          <span className={fields.label}>A word on it (needed to ask for changes)</span>
          <textarea
            className={fields.control}
            rows={1}
            value={words}
            onChange={(event) => setWords(event.currentTarget.value)}
          />
        </label>
      )}
      <div>
        {proposed ? (
          <>
            <Button
              size="xs"
              loading={busy === "accept"}
              onClick={() => void run("accept", () => acceptMission(id, mission.revision))}
            >
              Accept
            </Button>
            <Button
              size="xs"
              variant="default"
              loading={busy === "revise"}
              disabled={!words.trim()}
              onClick={() => void run("revise", () => reviseMission(id, words.trim()))}
            >
              Ask for changes
            </Button>
            <Button
              size="xs"
              variant="default"
              loading={busy === "reject"}
              onClick={() => void run("reject", () => rejectMission(id, words.trim()))}
            >
              Reject
            </Button>
          </>
        ) : (
          <Button
            size="xs"
            variant="default"
            loading={busy === "cancel"}
            onClick={() => void run("cancel", () => cancelMission(id))}
          >
            Cancel the mission
          </Button>
        )}
      </div>
      {problem && <ErrorState problem={problem} />}
    </section>
  );
}
