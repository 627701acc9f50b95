import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { getMission, listMissions } from "@/api/missions";
import { asProblem } from "@/api/problem";
import type { MissionDetail } from "@/api/types";
import fields from "@/components/form/form.module.css";
import { EmptyState, ErrorState, Loading } from "@/components/States";
import { asFields } from "@/live/frames";
import type { SessionState } from "@/live/session-state";
import { Assets, Hops } from "./Hops";
import styles from "./Mission.module.css";
import { Decision } from "./MissionDecision";
import { wordOf } from "./words";

/** The goal, how it is known to be reached, the hops on the way with what they take and make. */
export default function MissionTab({ state }: { state: SessionState }) {
  const [chosen, setChosen] = useState<string | null>(null);
  const hops = state.dag.nodes.map((node) => node.status).join();
  const mark = `${state.planChanges} ${hops} ${state.files.length} ${state.run?.status ?? ""}`;
  const list = useQuery({
    queryKey: ["missions", state.sessionId, mark],
    queryFn: () => listMissions(state.sessionId),
    placeholderData: keepPreviousData,
  });
  const id = chosen ?? list.data?.[0]?.mission_id;
  const query = useQuery({
    queryKey: ["mission", id, mark],
    queryFn: () => getMission(id ?? ""),
    enabled: id !== undefined,
    placeholderData: keepPreviousData,
  });
  const error = list.error ?? query.error;
  if (error && !query.data) {
    const failed = list.error ? list : query;
    return <ErrorState problem={asProblem(error)} onRetry={() => void failed.refetch()} />;
  }
  if (list.data?.length === 0)
    return <EmptyState>A plan, or a mission that somebody links to this session, appears here.</EmptyState>;
  if (!query.data) return <Loading label="Loading the mission" />;
  return (
    <div className={styles.mission}>
      {(list.data?.length ?? 0) > 1 && (
        <label className={styles.which}>
          Mission{" "}
          <select className={fields.control} value={id} onChange={(event) => setChosen(event.currentTarget.value)}>
            {list.data?.map((mission) => (
              <option key={mission.mission_id} value={mission.mission_id}>
                {mission.name || mission.goal} ({wordOf(mission.status)})
              </option>
            ))}
          </select>
        </label>
      )}
      <Mission mission={query.data} sessionId={state.sessionId} />
    </div>
  );
}

function Mission({ mission, sessionId }: { mission: MissionDetail; sessionId: string }) {
  const error = asFields(mission.error)["message"];
  return (
    <>
      <section className={styles.head}>
        <h2>{mission.name || "Mission"}</h2>
        <span className={styles.status} data-status={mission.status}>
          {wordOf(mission.status)}
          {mission.revision > 1 && `, revision ${mission.revision}`}
        </span>
      </section>
      {mission.goal !== mission.name && <p className={styles.goal}>{mission.goal}</p>}
      {mission.success_criteria.length > 0 && (
        <section>
          <h3>Reached when</h3>
          <ul>
            {mission.success_criteria.map((each) => (
              <li key={each}>{each}</li>
            ))}
          </ul>
        </section>
      )}
      {mission.scope && (
        <section>
          <h3>Scope</h3>
          <p>{mission.scope}</p>
        </section>
      )}
      {typeof error === "string" && <p className={styles.bad}>{error}</p>}
      <Decision mission={mission} />
      <section>
        <h3>Hops</h3>
        <Hops mission={mission} sessionId={sessionId} />
      </section>
      {mission.assets.some((asset) => asset.hop_id === null) && (
        <section>
          <h3>Assets</h3>
          <Assets assets={mission.assets.filter((asset) => asset.hop_id === null)} sessionId={sessionId} />
        </section>
      )}
    </>
  );
}
